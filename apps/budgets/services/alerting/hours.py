"""Mails keep to the hours that people want, also those that come late, fail, or wait while the hours are changed."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from apps.budgets.domain.telling import Manner, after_quiet, due_at, is_quiet
from apps.budgets.models import Delivery, DeliveryItem, DeliveryState, Purpose, Severity

BATCH = 1_000


def quiet_until(delivery: Delivery, manner: Manner, now: datetime) -> datetime | None:
    """When a mail may leave that is due now; None for at once.

    What is critical, a test, and what somebody wanted sent again within quiet hours do not wait.
    """
    if not is_quiet(manner, now) or is_quiet(manner, delivery.due_at) or not _can_wait(delivery):
        return None
    return after_quiet(manner, now)


def retry_at(delivery: Delivery, manner: Manner, moment: datetime) -> datetime:
    """When a mail that failed is tried again, which was to be then."""
    return after_quiet(manner, moment) if _can_wait(delivery) else moment


def set_anew(*, manner: Manner, now: datetime) -> int:
    """Let what waits for its hour wait for the hour that it would have by this manner; how many mails that were."""
    grave = DeliveryItem.objects.filter(delivery=OuterRef("pk"), announcement__alert__severity=Severity.CRITICAL)
    waiting = Delivery.objects.filter(
        ~Exists(grave), state=DeliveryState.WAITING, purpose=Purpose.ALERTS, channel=None, tries=0, due_at__gt=now
    )
    found = list(waiting.select_for_update().order_by("id")[:BATCH])
    for delivery in found:
        delivery.due_at = max(due_at(manner, Severity.WARNING, delivery.made_at), after_quiet(manner, now))
    Delivery.objects.bulk_update(found, ["due_at"])
    return len(found)


def _can_wait(delivery: Delivery) -> bool:
    if delivery.channel_id is not None or delivery.purpose != Purpose.ALERTS:
        return False
    return not delivery.items.filter(announcement__alert__severity=Severity.CRITICAL).exists()
