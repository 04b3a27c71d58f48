"""From announcements to deliveries: who is told of what, when, and what goes out together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction

from apps.budgets.domain.telling import due_at, is_worth_telling
from apps.budgets.models import Alert, AlertState, Announcement, Audience, Delivery, DeliveryItem, DeliveryState, Event
from apps.budgets.selectors.receivers import Receiver, Receivers, audience, chosen_recipients
from apps.budgets.services.alerting import lowering

BATCH = 200
_Box = tuple[Receiver, datetime]


@dataclass(slots=True)
class _Plan:
    """What each receiver is to be told at which moment."""

    boxes: dict[_Box, list[Announcement]] = field(default_factory=lambda: defaultdict(list))


@transaction.atomic
def address_waiting(*, now: datetime) -> int:
    """Decide for the waiting announcements who is told, and write the deliveries. Returns how many were looked at.

    Two workers take different announcements; one that dies has decided nothing.
    """
    locked = Announcement.objects.waiting().select_for_update(skip_locked=True, of=("self",)).select_related("alert")
    waiting = list(locked[:BATCH])
    if not waiting:
        return 0
    _silence(waiting, now)
    lowering.complete(waiting, now=now)
    told = [one for one in waiting if one.event == Event.RESOLVED or one.alert.state != AlertState.SILENCED]
    _write(_plan(told, audience(), now), now)
    Announcement.objects.filter(id__in=[one.pk for one in waiting]).update(addressed_at=now)
    return len(waiting)


def _silence(waiting: Sequence[Announcement], now: datetime) -> None:
    """A new alert about what somebody has silenced is silent for as long."""
    silent = Alert.objects.filter(state=AlertState.SILENCED, silenced_until__gt=now)
    subjects = {one.alert.subject for one in waiting}
    until = {(one.kind, one.subject): one.silenced_until for one in silent.filter(subject__in=subjects)}
    for one in waiting:
        alert = one.alert
        if alert.state == AlertState.FIRING and (alert.kind, alert.subject) in until:
            alert.state, alert.silenced_until = AlertState.SILENCED, until[alert.kind, alert.subject]
            alert.changed_at = now
            alert.save(update_fields=["state", "silenced_until", "changed_at"])


def _plan(told: Sequence[Announcement], standing: Audience, now: datetime) -> _Plan:
    plan, receivers = _Plan(), Receivers(standing)
    chosen = chosen_recipients(one.alert for one in told)
    heard = _who_heard_of([one.alert for one in told if one.event == Event.RESOLVED])
    for one in told:
        alert = one.alert
        for receiver in receivers.of(alert, chosen.get(alert.budget_id or 0)):
            if one.event == Event.RESOLVED:
                if not standing.tells_resolved or (alert.pk, receiver) not in heard:
                    continue
            elif not is_worth_telling(standing.manner, alert.severity):
                continue
            heard.add((alert.pk, receiver))
            # A channel is a machine, which neither sleeps nor reads digests.
            due = now if receiver.channel_id else due_at(standing.manner, alert.severity, now)
            plan.boxes[receiver, due].append(one)
    return plan


def _who_heard_of(alerts: Sequence[Alert]) -> set[tuple[int, Receiver]]:
    """Which receivers were told, or are about to be, that these alerts fire."""
    items = DeliveryItem.objects.filter(announcement__alert__in=alerts).exclude(announcement__event=Event.RESOLVED)
    found = items.values_list("announcement__alert_id", "address", "channel_id")
    return {(alert_id, Receiver(address, channel_id)) for alert_id, address, channel_id in found}


def _write(plan: _Plan, now: datetime) -> None:
    """One message each, except what waits for the same moment, or is more than anybody reads one by one."""
    open_ones = _open_deliveries({box for box in plan.boxes if box[1] > now})
    new: list[Delivery] = []
    items: list[DeliveryItem] = []
    for (receiver, due), announcements in plan.boxes.items():
        together = receiver.channel_id is None and (due > now or len(announcements) > settings.ALERT_FOLD_ABOVE)
        for group in [announcements] if together else _groups(receiver, announcements):
            delivery = open_ones.get((receiver, due)) if due > now else None
            if delivery is None:
                delivery = Delivery(address=receiver.address, channel_id=receiver.channel_id, made_at=now, due_at=due)
                new.append(delivery)
            items += [
                DeliveryItem(
                    delivery=delivery, announcement=one, address=receiver.address, channel_id=receiver.channel_id
                )
                for one in group
            ]
    Delivery.objects.bulk_create(new)
    for item in items:
        item.delivery_id = item.delivery.pk
    DeliveryItem.objects.bulk_create(items, ignore_conflicts=True)


def _groups(receiver: Receiver, announcements: Sequence[Announcement]) -> Iterable[list[Announcement]]:
    """What one message tells: a channel one thing, a mail all that happened at once to one budget's counter.

    A call that reaches 80 % and 100 % crosses two lines, and wakes nobody twice.
    """
    groups: dict[object, list[Announcement]] = defaultdict(list)
    over = {one.alert_id for one in announcements if one.event == Event.RESOLVED}
    for one in announcements:
        event = Event.RESOLVED if one.alert_id in over else one.event
        what = (one.alert.kind, one.alert.subject, event) if receiver.channel_id is None else one.pk
        groups[what].append(one)
    return groups.values()


def _open_deliveries(boxes: set[_Box]) -> dict[_Box, Delivery]:
    """Messages that wait for those moments already, held until this transaction ends so that none leaves meanwhile."""
    if not boxes:
        return {}
    waiting = Delivery.objects.filter(
        state=DeliveryState.WAITING, tries=0, due_at__in={due for _, due in boxes}, channel=None
    )
    found = waiting.select_for_update().order_by("id")
    return {(Receiver(one.address, one.channel_id), one.due_at): one for one in found}
