"""Leases on deliveries, and how they end. A lease is known by the number of the try: a later one makes it void."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.budgets.models import Channel, Delivery, DeliveryItem, DeliveryState, Event, Purpose
from apps.budgets.models.channels import DeliveryQuerySet
from apps.budgets.selectors.receivers import Receiver

STALE = timedelta(hours=24)
ERROR_LENGTH = 500
MOST_LEASES = 100


@transaction.atomic
def lease_next(*, now: datetime, resting: Collection[Receiver] = (), mail_rests: bool = False) -> Delivery | None:
    """Take the longest due message for this worker alone, for a while; None when there is nothing to do.

    Left out are receivers that failed just now, and all mail if the mail server did. Channels that fail come last.
    """
    due = Delivery.objects.due(now).exclude(channel__in=[one.channel_id for one in resting if one.channel_id])
    due = due.exclude(Q(channel=None) & Q(address__in=[one.address for one in resting if one.address]))
    if mail_rests:
        due = due.exclude(channel=None)
    due = due.select_for_update(skip_locked=True, of=("self",)).select_related("channel")
    # Channels that fail come last: each may take as long as a receiver that hangs.
    delivery = due.filter(channel__failing_since=None).first() or due.first()
    if delivery is None:
        return None
    if delivery.tries >= MOST_LEASES:
        # Whoever takes it dies of it: then it is the message, and it keeps nobody waiting any more.
        Delivery.objects.filter(id=delivery.pk).update(
            state=DeliveryState.GIVEN_UP, error=f"It was begun {MOST_LEASES} times and never ended."
        )
        return None
    delivery.tries += 1
    # A lease that nobody ended: its worker died, perhaps after the message had left.
    delivery.was_interrupted |= delivery.leased_until is not None
    delivery.leased_until = now + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    delivery.save(update_fields=["tries", "leased_until", "was_interrupted"])
    if delivery.channel_id is None and delivery.purpose == Purpose.ALERTS:
        _fold_over(delivery, now)
        if delivery.made_at < now - STALE:
            _fold_stale(delivery, now)
    return delivery


def mark_sent(delivery: Delivery, *, now: datetime) -> bool:
    """It is delivered. False if another worker has leased it meanwhile."""
    _channel_works(delivery)
    return _end(delivery, state=DeliveryState.SENT, sent_at=now, error="")


def put_off(delivery: Delivery, *, until: datetime) -> bool:
    """It was not tried: its time is later. False if another worker has leased it meanwhile."""
    return _end(delivery, due_at=until, tries=delivery.tries - 1)


def mark_failed(delivery: Delivery, *, why: str, retry_at: datetime | None) -> bool:
    """This try failed; it is tried again then, or given up. False if another worker has leased it meanwhile."""
    error = why[:ERROR_LENGTH]
    if retry_at is None:
        return _end(delivery, state=DeliveryState.GIVEN_UP, error=error)
    return _end(delivery, due_at=retry_at, error=error)


def _end(delivery: Delivery, **values: object) -> bool:
    mine = Delivery.objects.filter(id=delivery.pk, tries=delivery.tries, state=DeliveryState.WAITING)
    return bool(mine.update(leased_until=None, **values))


def _channel_works(delivery: Delivery) -> None:
    if delivery.channel_id is not None:
        Channel.objects.filter(id=delivery.channel_id).exclude(failing_since=None).update(failing_since=None)


def _fold_over(delivery: Delivery, now: datetime) -> None:
    """What tells of an end takes along what has not left yet of the same alerts: a beginning must not come after it."""
    mine = delivery.items.values_list("announcement__alert_id", "announcement__event")
    over = [alert_id for alert_id, event in mine if event == Event.RESOLVED]
    if not over:
        return
    early = DeliveryItem.objects.filter(announcement__alert__in=over)
    found = _others_of(delivery, now).filter(id__in=early.values("delivery"))
    ids = list(found.select_for_update(skip_locked=True).values_list("id", flat=True))
    early.filter(delivery__in=ids).update(delivery=delivery)
    _mark_folded(delivery, [one for one in ids if not DeliveryItem.objects.filter(delivery=one).exists()])


def _fold_stale(delivery: Delivery, now: datetime) -> None:
    """Mails that waited for a day, because the server was away, go out as one."""
    stale = _others_of(delivery, now).filter(due_at__lte=now, made_at__lt=now - STALE)
    ids = list(stale.select_for_update(skip_locked=True).values_list("id", flat=True))
    DeliveryItem.objects.filter(delivery__in=ids).update(delivery=delivery)
    _mark_folded(delivery, ids)


def _others_of(delivery: Delivery, now: datetime) -> DeliveryQuerySet:
    """Mails with alerts to the same address that nobody holds."""
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    found = Delivery.objects.filter(
        free, address=delivery.address, channel=None, purpose=Purpose.ALERTS, state=DeliveryState.WAITING
    )
    return found.exclude(id=delivery.pk).order_by("id")


def _mark_folded(delivery: Delivery, ids: Collection[int]) -> None:
    Delivery.objects.filter(id__in=ids).update(
        state=DeliveryState.FOLDED, folded_into=delivery, leased_until=None, error=""
    )
