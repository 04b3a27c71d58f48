"""Reads of alerts: the inbox with its filters, how many fire, and one alert with whom it was told to."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from apps.access.domain.identity import Caller
from apps.budgets.models import Alert, AlertState, Delivery, DeliveryItem, DeliveryState, Severity

# The kinds of alerts in words; one that is missing here is shown as it is named.
KIND_WORDS = {
    "budget": "Budget",
    "anomaly": "Unusual spend",
    "unpriced_usage": "Usage without a price",
    "price_disagreement": "Price lists disagree",
    "provider_down": "Provider fails",
    "background_late": "Background work is late",
    "disk_low": "Disk nearly full",
    "channel_off": "Channel switched off",
}
OPEN, ALL = "open", "all"
STATES = (OPEN, *AlertState.values, ALL)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What to look for; empty fields match everything."""

    state: str = OPEN
    severity: str = ""
    kind: str = ""
    budget_id: int | None = None


def alerts_of(caller: Caller, wanted: AlertFilter) -> QuerySet[Alert]:
    """Alerts the caller may see, newest first."""
    alerts = Alert.objects.visible_to(caller)
    if wanted.state == OPEN:
        alerts = alerts.open()
    elif wanted.state != ALL:
        alerts = alerts.filter(state=wanted.state)
    exact = {"severity": wanted.severity, "kind": wanted.kind, "budget_id": wanted.budget_id}
    return alerts.filter(**{name: value for name, value in exact.items() if value}).order_by("-raised_at", "-id")


def firing_count(caller: Caller) -> int:
    """How many alerts nobody has taken up, of those the caller may see; those that are told to nobody ring no bell."""
    return Alert.objects.visible_to(caller).firing().filter(mails=True).count()


def firing_by_severity() -> dict[str, int]:
    """The same of all alerts, by severity."""
    rows = Alert.objects.firing().filter(mails=True).values_list("severity").annotate(many=Count("id"))
    return dict.fromkeys(Severity.values, 0) | dict(rows)


def most_urgent(caller: Caller, limit: int) -> list[Alert]:
    """The firing alerts to show first: the gravest, of those the newest."""
    ranks = [When(severity=Severity.CRITICAL, then=Value(0)), When(severity=Severity.WARNING, then=Value(1))]
    rank = Case(*ranks, default=Value(2), output_field=IntegerField())
    firing = Alert.objects.visible_to(caller).firing().filter(mails=True)
    return list(firing.order_by(rank, "-raised_at", "-id")[:limit])


def known_kinds(caller: Caller) -> list[str]:
    """Every kind there is an alert of, for the filter's list."""
    return sorted(Alert.objects.visible_to(caller).order_by().values_list("kind", flat=True).distinct())


def kind_words(kind: str) -> str:
    """A kind of alert in words."""
    return KIND_WORDS.get(kind) or kind.replace("_", " ").capitalize()


def deliveries_of(alert: Alert) -> QuerySet[Delivery]:
    """Every message that told of it, newest first."""
    return (
        Delivery.objects.filter(items__announcement__alert=alert)
        .select_related("channel", "folded_into")
        .distinct()
        .order_by("-id")
    )


@dataclass(frozen=True, slots=True)
class Reached:
    """How many messages told of an alert, and how many of them have arrived."""

    arrived: int = 0
    messages: int = 0


def with_reached(alerts: Sequence[Alert]) -> list[tuple[Alert, Reached]]:
    """Alerts with how many messages told of each."""
    rows = (
        DeliveryItem.objects.filter(announcement__alert__in=[alert.pk for alert in alerts])
        .values_list("announcement__alert_id")
        .annotate(
            arrived=Count("delivery_id", distinct=True, filter=Q(delivery__state__in=_ARRIVED)),
            messages=Count("delivery_id", distinct=True),
        )
    )
    found = {alert_id: Reached(arrived, messages) for alert_id, arrived, messages in rows}
    return [(alert, found.get(alert.pk, Reached())) for alert in alerts]


_ARRIVED = (DeliveryState.SENT, DeliveryState.FOLDED)
