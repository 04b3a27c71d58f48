"""Channels that fail: since when, and when Bursar stops trying."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Channel, Delivery, DeliveryState, Severity
from apps.budgets.services.alerting.raising import raise_alerts
from apps.budgets.services.outbox.readers import OFF

LAST_TRY_PERCENT = 85
"""With jitter the last try of a message comes so many percent of three days after the first, or later."""


@transaction.atomic
def note(*, delivery: Delivery, permanent: bool, is_last: bool, why: str, now: datetime) -> bool:
    """A try of a channel failed, the message's last one or not. True if the channel is off.

    One that wants nothing, or has failed for days without a success, is switched off. What fails after all tries
    decides at once: else a single failure weeks later would.
    """
    held = Channel.objects.select_for_update().filter(id=delivery.channel_id or 0).first()
    if held is None or held.off_since is not None:
        return True
    held.failing_since = held.failing_since or now
    enough = timedelta(days=settings.WEBHOOK_OFF_AFTER_DAYS) * (LAST_TRY_PERCENT if is_last else 100) // 100
    if permanent or now - held.failing_since >= enough:
        _switch_off(held, delivery, why, now)
    held.save(update_fields=["failing_since", "off_since", "off_why"])
    return held.off_since is not None


def _switch_off(channel: Channel, failed: Delivery, why: str, now: datetime) -> None:
    """What still waits for it is given up, and those who can mend it are told, by mail too."""
    channel.off_since, channel.off_why = now, why
    waiting = Delivery.objects.filter(channel=channel, state=DeliveryState.WAITING).exclude(id=failed.pk)
    waiting.update(state=DeliveryState.GIVEN_UP, error=OFF, leased_until=None)
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
