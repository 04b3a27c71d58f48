"""The success to be expected of calls, from how models did at kinds of tasks: with an interval, or unknown.

A group is a model at a task type. Calls of a group share its estimate, so their number makes nothing surer: only more
outcomes do. What stands on fewer than `KNOWN_FROM` outcomes is unknown, left out, and told as missing coverage.
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from .candidates import KNOWN_FROM, Quality

_ONE_SIDED, _TWO_SIDED = 1.6448536269514722, 1.959963984540054
_STEP = Decimal("0.0001")
Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Predicted:
    """A success rate with its 95 % interval, the outcomes it stands on, and the share of the calls it is about."""

    mean: Decimal
    low: Decimal
    high: Decimal
    n: int
    coverage: Decimal


@dataclass(frozen=True, slots=True)
class Compared:
    """What is expected before and after, and their difference, over the calls of which both sides are known."""

    before: Predicted
    after: Predicted
    difference: Decimal
    low: Decimal
    high: Decimal

    @property
    def is_sure(self) -> bool:
        """Whether the interval of the difference leaves no doubt about its sign."""
        return self.low > 0 or self.high < 0


def predicted(calls: Mapping[Group, int], known: Mapping[Group, Quality]) -> Predicted | None:
    """What is expected of so many calls of each group; None where nothing is known."""
    kept = {group: count for group, count in calls.items() if count and _known(known.get(group))}
    return _predicted(kept, known, sum(calls.values())) if kept else None


def compared(moves: Mapping[tuple[Group, Group], int], known: Mapping[Group, Quality]) -> Compared | None:
    """The same calls before and after they move between groups; None where no call is known on both sides.

    What both sides share is the same estimate and adds no doubt to the difference.
    """
    kept = {move: count for move, count in moves.items() if count and all(_known(known.get(group)) for group in move)}
    whole, told = sum(moves.values()), sum(kept.values())
    if not told:
        return None
    sides: tuple[dict[Group, int], dict[Group, int]] = ({}, {})
    change: dict[Group, int] = {}
    for move, count in kept.items():
        for side, group, sign in zip(sides, move, (-1, 1), strict=True):
            side[group] = side.get(group, 0) + count
            change[group] = change.get(group, 0) + sign * count
    before, after = (_predicted(side, known, whole) for side in sides)
    difference = sum(count * known[group].mean for group, count in change.items()) / told
    spread = _TWO_SIDED * math.sqrt(sum((count * _deviation(known[group])) ** 2 for group, count in change.items()))
    return Compared(
        before, after, _plain(difference), _plain(difference - spread / told), _plain(difference + spread / told)
    )


def _predicted(kept: Mapping[Group, int], known: Mapping[Group, Quality], whole: int) -> Predicted:
    told = sum(kept.values())
    mean = sum(count * known[group].mean for group, count in kept.items()) / told
    deviation = math.sqrt(sum((count * _deviation(known[group])) ** 2 for group, count in kept.items())) / told
    return Predicted(
        _plain(mean),
        _plain(max(0.0, mean - _TWO_SIDED * deviation)),
        _plain(min(1.0, mean + _TWO_SIDED * deviation)),
        sum(known[group].n for group in kept),
        _plain(told / whole),
    )


def _known(quality: Quality | None) -> bool:
    return quality is not None and quality.n >= KNOWN_FROM


def _deviation(quality: Quality) -> float:
    """The standard deviation that a lower bound of 95 % tells of."""
    return max(0.0, quality.mean - quality.lower) / _ONE_SIDED


def _plain(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP) + 0
