"""Telling which calls budgets sent to cheaper models: soon after the first, then now and then, and when it is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Q

from apps.budgets.domain.lowering import Counted, Lowered
from apps.budgets.extension_points import lowered_calls
from apps.budgets.models import Alert, AlertState, Announcement, Budget, Event

BATCH = 100


def tell_lowered(*, now: datetime) -> int:
    """Announce what was sent down since it was last told, for each budget that does so now; how many announcements.

    Safe to run twice: a number makes each announcement one. Nothing is said where no call was sent down.
    """
    alerts = _due(now)
    budgets = _each_of(alerts)
    made = []
    for alert, since, told in alerts:
        rows = _lowered(alert, budgets, since, now)
        if rows:
            made.append(_announcement(alert, told + 1, rows, since, now))
    Announcement.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def lowered_while(alert: Alert, *, now: datetime) -> list[Lowered]:
    """What its budget sent down since it was raised, until it was resolved or now; nothing for other alerts."""
    budgets = _each_of([(alert, alert.raised_at, 0)]) if alert.lowers else {}
    return _lowered(alert, budgets, alert.raised_at, alert.resolved_at or now)


def complete(announcements: Sequence[Announcement], *, now: datetime) -> None:
    """Let those that tell of an end say what was sent down until then."""
    for one in announcements:
        if one.event != Event.RESOLVED or not one.alert.lowers:
            continue
        rows = lowered_while(one.alert, now=now)
        if rows:
            one.lowered, one.lowered_since = [row.kept() for row in rows], one.alert.raised_at
            one.save(update_fields=["lowered", "lowered_since"])


_Due = tuple[Alert, datetime, int]


def _due(now: datetime) -> list[_Due]:
    """Alerts to look at, since when, and how often they told; of several about one counter that which began last."""
    first = now - timedelta(minutes=settings.ALERT_DOWNGRADES_FIRST_MINUTES)
    again = now - timedelta(hours=settings.ALERT_DOWNGRADES_HOURS)
    told = Q(announcements__event=Event.DOWNGRADED)
    open_ones = Alert.objects.lowering().open().filter(mails=True).exclude(state=AlertState.SILENCED)
    newest = open_ones.order_by("subject", "-raised_at", "-id").distinct("subject").values("id")
    asked = (
        Alert.objects.filter(id__in=newest)
        .annotate(told_at=Max("announcements__made_at", filter=told), times=Count("announcements", filter=told))
        .filter(Q(told_at=None, raised_at__lte=first) | Q(told_at__lte=again))
        .order_by("raised_at")
        .values_list("id", "told_at", "times")[:BATCH]
    )
    alerts = Alert.objects.in_bulk([pk for pk, _, _ in asked])
    return [(alerts[pk], told_at or alerts[pk].raised_at, times) for pk, told_at, times in asked if pk in alerts]


def _each_of(alerts: Sequence[_Due]) -> dict[int, str]:
    """What each of their budgets counts by itself."""
    ids = {alert.budget_id for alert, _, _ in alerts if alert.budget_id is not None}
    return dict(Budget.objects.filter(id__in=ids).values_list("id", "each"))


def _lowered(alert: Alert, budgets: dict[int, str], since: datetime, until: datetime) -> list[Lowered]:
    each = budgets.get(alert.budget_id or 0)
    if each is None or alert.budget_id is None or lowered_calls.registered is None:
        return []
    value = alert.subject.partition(":")[2]
    return list(lowered_calls.registered(Counted(alert.budget_id, each, value), since, until))


def _announcement(alert: Alert, number: int, rows: Sequence[Lowered], since: datetime, now: datetime) -> Announcement:
    return Announcement(
        alert=alert, event=Event.DOWNGRADED, number=number, made_at=now,
        lowered=[row.kept() for row in rows], lowered_since=since,
    )  # fmt: skip
