"""Hours that cost far more than such hours usually do, and what explains them. Pure: spend comes in, by hour.

1. An hour is compared with the same hour of the week, and the hours beside it, in the weeks before: up to 18 samples
   of six weeks. At least nine are needed.
2. It is unusual when it exceeds all three: the median by `STEPS` robust standard deviations (1.4826 × the median
   absolute deviation), `TIMES` the median, and the dearest of the samples by `TIMES`/2. And by at least so many USD.
3. Unusual hours in a row are one event. What it cost more than the medians is its excess.

Median and MAD keep one earlier outlier from hiding the next. Twelve of eighteen samples would have to be bad.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

WEEK = 168
WEEKS = 6
BESIDE = (-1, 0, 1)
FEWEST = 9
STEPS = Decimal(6)
TIMES = Decimal(3)
MAD_TO_SIGMA = Decimal("1.4826")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Event:
    """Hours [first, end) of a series that cost more than usual: what they cost, and what such hours usually cost."""

    first: int
    end: int
    spent: Decimal
    usual: Decimal

    @property
    def excess(self) -> Decimal:
        """What they cost more than usual."""
        return self.spent - self.usual


@dataclass(frozen=True, slots=True)
class Driver:
    """One group that cost more than usual in an event; `share` is its part of the excess, at most 1."""

    name: str
    spent: Decimal
    usual: Decimal
    share: Decimal


def events(hours: Sequence[Decimal], *, since: int, least: Decimal) -> list[Event]:
    """The unusual events of consecutive hours from index `since` on; all hours may be samples of later ones.

    Hours before the first that cost anything are no samples: who has just begun has nothing usual yet.
    """
    begun = next((place for place, spent in enumerate(hours) if spent), len(hours))
    known = hours[begun:]
    found: list[Event] = []
    for index in range(max(since, begun), len(hours)):
        usual = usual_of(known, index - begun, least)
        if usual is None:
            continue
        if found and found[-1].end == index:
            last = found.pop()
            found.append(Event(last.first, index + 1, last.spent + hours[index], last.usual + usual))
        else:
            found.append(Event(index, index + 1, hours[index], usual))
    return found


def usual_of(hours: Sequence[Decimal], index: int, least: Decimal) -> Decimal | None:
    """What an unusual hour usually costs: the median of its samples. None for an hour that is not unusual."""
    spent = hours[index]
    if spent < least:
        return None
    samples = sorted(hours[place] for place in sample_places(index))
    if len(samples) < FEWEST:
        return None
    middle = median(samples)
    spread = median(sorted(abs(sample - middle) for sample in samples)) * MAD_TO_SIGMA
    limit = max(middle + STEPS * spread, TIMES * middle, samples[-1] * TIMES / 2, middle + least)
    return middle if spent > limit else None


def sample_places(index: int) -> list[int]:
    """Where the samples of an hour stand: the same hour of earlier weeks, and those beside it."""
    places = (index - WEEK * week + beside for week in range(1, WEEKS + 1) for beside in BESIDE)
    return [place for place in places if place >= 0]


def median(ordered: Sequence[Decimal]) -> Decimal:
    """The middle of ordered values; of two middles the mean."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def drivers(
    spent: Mapping[str, Decimal], before: Iterable[Mapping[str, Decimal]], *, excess: Decimal, most: int = 1
) -> list[Driver]:
    """The groups that explain most of an excess: their spend in the event against the median of the same hours before.

    Only groups that explain at least a quarter are named.
    """
    weeks = list(before)
    found = []
    for name, usd in spent.items():
        usual = median(sorted(week.get(name, _ZERO) for week in weeks)) if weeks else _ZERO
        share = min(max(usd - usual, _ZERO) / excess, Decimal(1)) if excess > 0 else _ZERO
        if share * 4 >= 1:
            found.append(Driver(name, usd, usual, share))
    return sorted(found, key=lambda one: (-one.share, one.name))[:most]
