"""Tables of budgets, alerts and channels."""

from apps.budgets.models.alerts import Alert, AlertState, Announcement, Event, Severity

__all__ = [
    "Alert",
    "AlertState",
    "Announcement",
    "Event",
    "Severity",
]
