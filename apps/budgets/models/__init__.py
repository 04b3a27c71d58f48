"""Tables of budgets, alerts and channels."""

from apps.budgets.models.alerts import Alert, AlertState, Announcement, Event, Severity
from apps.budgets.models.budgets import Budget, BudgetsVersion, TemporaryRaise
from apps.budgets.models.ledger import Counter, Entry, EntryKind
from apps.budgets.models.reservations import Reservation, ReservationState, UnpricedHold

__all__ = [
    "Alert",
    "AlertState",
    "Announcement",
    "Budget",
    "BudgetsVersion",
    "Counter",
    "Entry",
    "EntryKind",
    "Event",
    "Reservation",
    "ReservationState",
    "Severity",
    "TemporaryRaise",
    "UnpricedHold",
]
