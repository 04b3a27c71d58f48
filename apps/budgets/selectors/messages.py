"""What a message says: its alerts with what is told of each, as plain rows for every way of sending."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.budgets.domain.lowering import Lowered
from apps.budgets.domain.thresholds import level_of_key, level_words
from apps.budgets.models import Alert, AlertState, Delivery, Event
from apps.budgets.selectors.budgets import with_a_page

EVENT_WORDS = {Event.RAISED: "", Event.REMINDER: "Still firing: ", Event.RESOLVED: "Resolved: "}
_LEVELS = ("danger", "warning", "info", "ok")
MOST_LOWERED = 20
"""A message names so many pairs of models, those with the most calls."""


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of a message: what happened to it, and how it stands now."""

    alert: Alert
    event: str
    made_at: datetime
    every_lowered: Sequence[Lowered] = ()
    lowered_since: datetime | None = None
    budget_id: int | None = None
    """Its budget, if that has a page still."""

    @property
    def line(self) -> str:
        """The alert in one line, which begins with what is new."""
        if self.event == Event.DOWNGRADED:
            return f"{self.calls_lowered:,} call{'' if self.calls_lowered == 1 else 's'} sent down: {self.alert.title}"
        return f"{EVENT_WORDS[Event(self.event)]}{self.alert.title}"

    @property
    def calls_lowered(self) -> int:
        """How many calls went to cheaper models in the time this tells of."""
        return sum(one.calls for one in self.every_lowered)

    @property
    def lowered(self) -> Sequence[Lowered]:
        """Which models took the place of which, as far as there is room."""
        return self.every_lowered[:MOST_LOWERED]

    @property
    def lowered_until(self) -> datetime:
        """Up to when they are counted: the end of what is resolved, else when it was said."""
        return self.alert.resolved_at if self.event == Event.RESOLVED and self.alert.resolved_at else self.made_at

    @property
    def more_lowered(self) -> int:
        """The pairs there is no room for."""
        return len(self.every_lowered) - len(self.lowered)

    @property
    def level(self) -> str:
        """The word for its colour: danger, warning, ok or info."""
        if self.event == Event.RESOLVED:
            return "ok"
        return {"critical": "danger", "warning": "warning"}.get(self.alert.severity, "info")

    @property
    def can_be_acknowledged(self) -> bool:
        return self.alert.state == AlertState.FIRING

    @property
    def about(self) -> tuple[str, str, str]:
        """What it shares with others that happened at once to one counter of a budget."""
        return self.alert.kind, self.alert.subject, self.event

    @property
    def _gravity(self) -> tuple[int, bool, Decimal]:
        return -_LEVELS.index(self.level), *level_of_key(self.alert.occurrence)


def subject_of(told: Sequence[Told]) -> str:
    """A message in one line, which names everything it tells as far as there is room."""
    first, *others = told
    if not others:
        return first.line
    if {one.about for one in others} == {first.about}:
        levels = dict.fromkeys(level_words(one.alert.occurrence) for one in told)
        if all(levels):
            return ", ".join([first.line, *(f"and {words}" for words in list(levels)[1:])])
    return f"{len(told)} alerts: {first.line}"


def told_in(delivery: Delivery) -> list[Told]:
    """What a message tells, the gravest and highest first, then the oldest; a resolved one only as resolved."""
    items = delivery.items.select_related("announcement__alert").order_by("announcement_id")
    newest = {item.announcement.alert_id: item.announcement for item in items}
    shown = with_a_page(one.alert.budget_id for one in newest.values())
    told = [
        Told(
            one.alert, one.event, one.made_at, Lowered.of(one.lowered), one.lowered_since,
            budget_id=one.alert.budget_id if one.alert.budget_id in shown else None,
        )
        for one in newest.values()
    ]  # fmt: skip
    return sorted(told, key=lambda one: one._gravity, reverse=True)
