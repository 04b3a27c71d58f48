"""Tables of budgets, alerts and channels."""

from apps.budgets.models.alerts import Alert, AlertState, Announcement, Event, Severity
from apps.budgets.models.budgets import Budget, BudgetsVersion, TemporaryRaise
from apps.budgets.models.channels import (
    Audience,
    Channel,
    ChannelKind,
    Delivery,
    DeliveryItem,
    DeliveryState,
    MailAddress,
    Purpose,
)
from apps.budgets.models.forecasts import StoredForecast
from apps.budgets.models.ledger import Counter, Entry, EntryKind
from apps.budgets.models.reservations import Reservation, ReservationState, UnpricedHold

__all__ = [
    "Alert",
    "AlertState",
    "Announcement",
    "Audience",
    "Budget",
    "BudgetsVersion",
    "Channel",
    "ChannelKind",
    "Counter",
    "Delivery",
    "DeliveryItem",
    "DeliveryState",
    "Entry",
    "EntryKind",
    "Event",
    "MailAddress",
    "Purpose",
    "Reservation",
    "ReservationState",
    "Severity",
    "StoredForecast",
    "TemporaryRaise",
    "UnpricedHold",
]
