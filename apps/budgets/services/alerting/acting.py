"""What people do with alerts: take one up, silence it, take that back. Each act is one audit entry."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.budgets.models import Alert, AlertState

LONGEST_SILENCE = timedelta(days=366)


@transaction.atomic
def acknowledge(*, caller: Caller, alert_id: int, now: datetime) -> Alert:
    """Somebody has taken it up: no reminder follows. Raises DoesNotExist, or Conflict for one that is over."""
    return _acknowledge(_held(caller, alert_id), caller.actor, caller, now)


@transaction.atomic
def acknowledge_by_mail(*, alert_id: int, address: str, now: datetime) -> Alert:
    """The same, by whoever holds the mail that went to this address. Raises DoesNotExist or Conflict."""
    alert = Alert.objects.select_for_update().get(id=alert_id)
    return _acknowledge(alert, address, address, now)


@transaction.atomic
def silence(*, caller: Caller, alert_id: int, until: datetime, now: datetime) -> Alert:
    """Tell nobody about this, nor about new alerts on the same subject, until then. Raises Refused or Conflict."""
    if not now < until <= now + LONGEST_SILENCE:
        raise Refused("A silence ends in the future, within a year.", code="out_of_range", path="until")
    alert = _held(caller, alert_id)
    _refuse_resolved(alert)
    return _change(alert, AlertState.SILENCED, caller.actor, caller, "alert.silenced", now, until=until)


@transaction.atomic
def fire_again(*, caller: Caller, alert_id: int, now: datetime) -> Alert:
    """Take an acknowledgement or a silence back. Raises DoesNotExist or Conflict."""
    alert = _held(caller, alert_id)
    _refuse_resolved(alert)
    if alert.state == AlertState.FIRING:
        raise Conflict("This alert is firing already.", code="already_firing")
    return _change(alert, AlertState.FIRING, "", caller, "alert.taken_back", now)


def _acknowledge(alert: Alert, by: str, caller: Caller | str, now: datetime) -> Alert:
    _refuse_resolved(alert)
    if alert.state == AlertState.ACKNOWLEDGED:
        raise Conflict(f"{alert.changed_by} has acknowledged it already.", code="already_acknowledged")
    return _change(alert, AlertState.ACKNOWLEDGED, by, caller, "alert.acknowledged", now)


def _change(
    alert: Alert,
    state: AlertState,
    by: str,
    caller: Caller | str,
    action: str,
    now: datetime,
    until: datetime | None = None,
) -> Alert:
    before = _told(alert)
    alert.state, alert.changed_by, alert.changed_at, alert.silenced_until = state, by, now, until
    alert.save(update_fields=["state", "changed_by", "changed_at", "silenced_until"])
    audit.record(
        caller=caller, action=action, obj=alert, before=before, after=_told(alert), project_id=alert.project_id
    )
    return alert


def _held(caller: Caller, alert_id: int) -> Alert:
    """The alert for a change; one the caller may not see does not exist for it."""
    return Alert.objects.visible_to(caller).select_for_update().get(id=alert_id)


def _refuse_resolved(alert: Alert) -> None:
    if alert.state == AlertState.RESOLVED:
        raise Conflict("This alert is resolved: its cause is over.", code="resolved")


def _told(alert: Alert) -> dict[str, object]:
    return {"title": alert.title, "state": alert.state, "silenced_until": alert.silenced_until}
