"""Channels that fail: since when, and when Bursar stops trying."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Channel, Delivery, DeliveryState, Severity
from apps.budgets.services.alerting.raising import raise_alerts


@transaction.atomic
def note(*, channel: Channel, permanent: bool, why: str, now: datetime) -> None:
    """A try failed. A channel that wants nothing, or has failed for days without a success, is switched off."""
    held = Channel.objects.select_for_update().filter(id=channel.pk, off_since=None).first()
    if held is None:
        return
    held.failing_since = held.failing_since or now
    if permanent or now - held.failing_since >= timedelta(days=settings.WEBHOOK_OFF_AFTER_DAYS):
        _switch_off(held, why, now)
    held.save(update_fields=["failing_since", "off_since", "off_why"])


def _switch_off(channel: Channel, why: str, now: datetime) -> None:
    """What still waits for it is given up, and those who can mend it are told, by mail too."""
    channel.off_since, channel.off_why = now, why
    waiting = Delivery.objects.filter(channel=channel, state=DeliveryState.WAITING)
    waiting.update(state=DeliveryState.GIVEN_UP, error="The channel was switched off.", leased_until=None)
    since = channel.failing_since or now
    raise_alerts(
        crossings=[
            Crossing(
                kind="channel_off",
                subject=f"channel:{channel.pk}",
                occurrence=since.isoformat(),
                severity=Severity.WARNING,
                title=f"{channel.get_kind_display()} {channel.name} is switched off",
                facts={
                    "Failing since": f"{since:%Y-%m-%d %H:%M} UTC",
                    "Last answer": why,
                    "What to do": "Mend the receiver, then switch the channel on and resend what was given up.",
                },
                budget_id=None,
                project_id=None,
            )
        ],
        now=now,
    )
