"""What a budget will have spent when its period ends, from how the weekdays, or hours, before have gone.

1. A piece to come is expected to use what pieces of its season did on average: the last four of the same weekday, or of
   the same hour. What is left of the running piece counts by the share of it that is left.
2. The same is done again for every past piece, with only what was known then. How what came then stands to what was
   expected gives the error that is told, and the interval: it leaves out the lowest and the highest tenth.
3. With too few of these tests there is no forecast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

SEASON_PIECES = 4
LEAST_TESTS = 7
LEAST_SEASONS = 2
MOST_AHEAD = 7
_ZERO = Decimal(0)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Piece:
    """A day or an hour that is over: what it used, and its season, a weekday or an hour."""

    amount: Decimal
    season: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """A piece to come, or what is left of the running one: `share` of it."""

    starts_at: datetime
    ends_at: datetime
    season: int
    share: Decimal = _ONE


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the period will have used: likely, and at least and at most in eight of ten cases.

    `error` is the median of |what came − what was expected| ÷ what came over `tests` past tests. `steps` is what will
    have been used after each piece ahead.
    """

    total: Decimal
    low: Decimal
    high: Decimal
    error: Decimal
    tests: int
    steps: tuple[Decimal, ...]
    runs_out_at: datetime | None


def forecast(
    history: Sequence[Piece], ahead: Sequence[Ahead], *, spent: Decimal, limit: Decimal, season_length: int = 7
) -> Forecast | None:
    """The forecast of a period; None when there is not enough to tell from. `history` is oldest first.

    `season_length` is how many seasons follow each other: 7 weekdays, or 24 hours.
    """
    least = LEAST_SEASONS * season_length
    if not ahead or len(history) < least:
        return None
    ratios, errors = _tests(history, min(len(ahead), MOST_AHEAD), least)
    if len(errors) < LEAST_TESTS:
        return None
    steps, total = [], spent
    for one in ahead:
        total += expected(history, one.season) * one.share
        steps.append(total)
    rest = total - spent
    low, high = _quantile(ratios, Decimal("0.1")), _quantile(ratios, Decimal("0.9"))
    return Forecast(
        total=total,
        low=spent + rest * min(low, _ONE),
        high=spent + rest * max(high, _ONE),
        error=_quantile(errors, Decimal("0.5")),
        tests=len(errors),
        steps=tuple(steps),
        runs_out_at=_runs_out(ahead, steps, spent, limit),
    )


def expected(history: Sequence[Piece], season: int) -> Decimal:
    """What a piece of this season uses: the mean of the last ones of it; with fewer than two, of the last of any."""
    same = [one.amount for one in reversed(history) if one.season == season][:SEASON_PIECES]
    chosen = same if len(same) >= 2 else [one.amount for one in history[-SEASON_PIECES:]]
    return sum(chosen, _ZERO) / len(chosen) if chosen else _ZERO


def _tests(history: Sequence[Piece], length: int, first: int) -> tuple[list[Decimal], list[Decimal]]:
    """From every piece but the first ones on: what came ÷ what was expected, and the error as a share of what came."""
    ratios, errors = [], []
    for start in range(first, len(history) - length + 1):
        came = sum((one.amount for one in history[start : start + length]), _ZERO)
        said = sum((expected(history[:start], one.season) for one in history[start : start + length]), _ZERO)
        if came and said:
            ratios.append(came / said)
            errors.append(abs(came - said) / came)
    return ratios, errors


def _quantile(values: Sequence[Decimal], share: Decimal) -> Decimal:
    """The value below which this share of the values lies, between its two neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _runs_out(ahead: Sequence[Ahead], steps: Sequence[Decimal], spent: Decimal, limit: Decimal) -> datetime | None:
    """When the limit will be reached: within its piece in proportion."""
    before = spent
    if before >= limit:
        return None
    for one, after in zip(ahead, steps, strict=True):
        if after >= limit and after > before:
            length = one.ends_at - one.starts_at
            minutes = int(Decimal(int(length.total_seconds())) * (limit - before) / (after - before) / 60)
            return one.starts_at + timedelta(minutes=minutes)
        before = after
    return None
