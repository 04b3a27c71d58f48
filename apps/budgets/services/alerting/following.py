"""What becomes of alerts with time: silences end, critical ones are told again, old resolved ones go."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Q

from apps.budgets.models import Alert, AlertState, Announcement, Delivery, DeliveryState, Event, Severity
from apps.budgets.selectors.receivers import audience

BATCH = 500


@transaction.atomic
def end_silences(*, now: datetime) -> int:
    """Alerts whose silence is over and whose cause is not fire again, and are told again. Returns how many."""
    over = Alert.objects.filter(state=AlertState.SILENCED, silenced_until__lte=now).order_by("id")
    alerts = list(over.select_for_update(skip_locked=True)[:BATCH])
    Alert.objects.filter(id__in=[alert.pk for alert in alerts]).update(
        state=AlertState.FIRING, silenced_until=None, changed_at=now, changed_by=""
    )
    _remind(alerts, now)
    return len(alerts)


@transaction.atomic
def remind(*, now: datetime) -> int:
    """Tell critical alerts again that nobody took up since they were last told, so often and no more."""
    hours = audience().remind_hours
    if not hours:
        return 0
    due = (
        Alert.objects.firing()
        .filter(severity=Severity.CRITICAL, mails=True, raised_at__lte=now - timedelta(hours=hours))
        .annotate(told_at=Max("announcements__made_at"), reminders=_reminders())
        .filter(told_at__lte=now - timedelta(hours=hours), reminders__lt=settings.ALERT_REMINDERS_MOST)
    )
    ids = list(due.order_by("id").values_list("id", flat=True)[:BATCH])
    alerts = list(Alert.objects.firing().filter(id__in=ids).select_for_update(skip_locked=True).order_by("id"))
    _remind(alerts, now)
    return len(alerts)


def drop_old(*, now: datetime) -> int:
    """Delete alerts that were resolved long ago, and messages as old. Returns how many alerts."""
    limit = now - timedelta(days=settings.ALERT_KEPT_DAYS)
    old = Alert.objects.filter(state=AlertState.RESOLVED, resolved_at__lt=limit).order_by("id")
    ids = list(old.values_list("id", flat=True)[:BATCH])
    Alert.objects.filter(id__in=ids).delete()
    ended = Delivery.objects.exclude(state=DeliveryState.WAITING).filter(made_at__lt=limit).order_by("id")
    Delivery.objects.filter(id__in=list(ended.values_list("id", flat=True)[:BATCH])).delete()
    return len(ids)


def _remind(alerts: list[Alert], now: datetime) -> None:
    """One more reminder each; a number makes it one, however many notice that it is due."""
    mailing = Alert.objects.filter(id__in=[alert.pk for alert in alerts if alert.mails])
    said = mailing.annotate(said=_reminders()).order_by("id").values_list("id", "said")
    Announcement.objects.bulk_create(
        [Announcement(alert_id=pk, event=Event.REMINDER, number=times + 1, made_at=now) for pk, times in said],
        ignore_conflicts=True,
    )


def _reminders() -> Count:
    return Count("announcements", filter=Q(announcements__event=Event.REMINDER))
