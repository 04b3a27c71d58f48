"""What a message says: its alerts with what is told of each, as plain rows for every way of sending."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.budgets.domain.lowering import Lowered
from apps.budgets.models import Alert, AlertState, Delivery, Event

EVENT_WORDS = {Event.RAISED: "", Event.REMINDER: "Still firing: ", Event.RESOLVED: "Resolved: "}
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


def told_in(delivery: Delivery) -> list[Told]:
    """What a message tells, oldest first; a resolved one only as resolved."""
    items = delivery.items.select_related("announcement__alert").order_by("announcement_id")
    newest = {item.announcement.alert_id: item.announcement for item in items}
    return [
        Told(one.alert, one.event, one.made_at, Lowered.of(one.lowered), one.lowered_since) for one in newest.values()
    ]
