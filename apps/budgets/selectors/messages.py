"""What a message says: its alerts with what is told of each, as plain rows for every way of sending."""

from dataclasses import dataclass
from datetime import datetime

from apps.budgets.models import Alert, AlertState, Delivery, Event

EVENT_WORDS = {Event.RAISED: "", Event.REMINDER: "Still firing: ", Event.RESOLVED: "Resolved: "}


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of a message: what happened to it, and how it stands now."""

    alert: Alert
    event: str
    made_at: datetime

    @property
    def line(self) -> str:
        """The alert in one line, which begins with what is new."""
        return f"{EVENT_WORDS[Event(self.event)]}{self.alert.title}"

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
    return [Told(one.alert, one.event, one.made_at) for one in newest.values()]
