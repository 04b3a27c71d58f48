"""What a budget would have done: its thresholds against what was really used, period by period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.budgets.domain.cycles import Span
from apps.budgets.domain.thresholds import Action, Threshold

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Reached:
    """A threshold that would have begun to hold in a period, and in which piece of it."""

    threshold: Threshold
    at: datetime


@dataclass(frozen=True, slots=True)
class Replayed:
    """One period: what was used, added up piece by piece, and what would have happened."""

    span: Span
    edges: tuple[datetime, ...]
    running: tuple[Decimal, ...]
    reached: tuple[Reached, ...]

    @property
    def total(self) -> Decimal:
        """All that was used."""
        return self.running[-1] if self.running else _ZERO


def replay(
    span: Span, edges: Sequence[datetime], amounts: Sequence[Decimal], thresholds: Sequence[Threshold], limit: Decimal
) -> Replayed:
    """One period, cut at the edges. Levels of a forecast are left out: what it would have been is not known."""
    running, total = [], _ZERO
    for amount in amounts:
        total += amount
        running.append(total)
    reached = []
    for one in thresholds:
        level = one.level(limit)
        place = next((place for place, value in enumerate(running) if value >= level), None)
        if one.on == "actual" and place is not None:
            reached.append(Reached(one, edges[place]))
    return Replayed(span, tuple(edges), tuple(running), tuple(reached))


@dataclass(frozen=True, slots=True)
class ReplayedValues:
    """One period of a budget with `each`: how many values there were, and how many reached each threshold."""

    span: Span
    values: int
    total: Decimal
    highest: Decimal
    reached: tuple[tuple[Threshold, int], ...]


def replay_values(
    span: Span, amounts: Mapping[str, Decimal], thresholds: Sequence[Threshold], limit: Decimal
) -> ReplayedValues:
    """The same for a budget whose every value has a counter of its own."""
    counted = [
        (one, sum(amount >= one.level(limit) for amount in amounts.values()))
        for one in thresholds
        if one.on == "actual"
    ]
    total = sum(amounts.values(), _ZERO)
    return ReplayedValues(span, len(amounts), total, max(amounts.values(), default=_ZERO), tuple(counted))


VERBS = {
    Action.NOTIFY: "warned",
    Action.ADVISE: "advised agents to spend less",
    Action.CHEAPEST: "sent agents to the cheapest model",
    Action.DOWNGRADE: "sent agents to a lower tier",
    Action.BLOCK: "blocked",
}
