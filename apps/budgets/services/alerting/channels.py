"""Channels: made, changed, given a new secret, tried, switched off and on, deleted. Each act is one audit entry."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.budgets.domain.recipients import CHANNEL
from apps.budgets.models import Budget, Channel, ChannelKind, Delivery, Purpose
from apps.budgets.services.alerting.raising import resolve_alerts
from apps.budgets.services.outbound import OutboundError, check

MOST_CHANNELS = 50


def create(*, caller: Caller, kind: str, name: str, url: str, now: datetime) -> Channel:
    """A channel that is on. Raises Refused for an address that nothing would be sent to, Conflict for a taken name."""
    refuse_limited(caller)
    _refuse_address(url)
    with transaction.atomic():
        if Channel.objects.count() >= MOST_CHANNELS:
            raise Refused(f"At most {MOST_CHANNELS} channels.", code="too_many", path="name")
        channel = _kept(Channel(kind=ChannelKind(kind), name=name.strip(), url=url, nonce=_nonce(), made_at=now))
        audit.record(caller=caller, action="channel.created", obj=channel, after=_told(channel))
    return channel


def change(
    *,
    caller: Caller,
    channel_id: int,
    now: datetime,
    name: str | None = None,
    url: str | None = None,
    on: bool | None = None,
) -> Channel:
    """Change what is given. Switching on forgets the failures. Raises DoesNotExist, Refused or Conflict."""
    refuse_limited(caller)
    if url is not None and not Channel.objects.filter(id=channel_id, url=url).exists():
        _refuse_address(url)
    with transaction.atomic():
        channel = Channel.objects.select_for_update().get(id=channel_id)
        before, was, called = _told(channel), _standing(channel), channel.name
        channel.name = channel.name if name is None else name.strip()
        channel.url = channel.url if url is None else url
        if on is True:
            channel.off_since, channel.off_why, channel.failing_since = None, "", None
        if on is False and channel.off_since is None:
            channel.off_since, channel.off_why = now, f"{caller.actor} switched it off."
        if _standing(channel) == was:
            return channel
        _kept(channel)
        if channel.name != called:
            _rename_in_budgets(called, channel.name)
        if on is True:
            resolve_alerts(kind="channel_off", subject=f"channel:{channel.pk}", occurrences_prefix="", now=now)
        audit.record(caller=caller, action="channel.changed", obj=channel, before=before, after=_told(channel))
    return channel


def _rename_in_budgets(before: str, after: str) -> None:
    """Budgets that tell this channel go on telling it."""
    old, new = CHANNEL + before, CHANNEL + after
    for budget in Budget.objects.filter(recipients__contains=[old]).select_for_update(no_key=True).order_by("id"):
        budget.recipients = [new if one == old else one for one in budget.recipients]
        budget.version += 1
        budget.save(update_fields=["recipients", "version"])


def _standing(channel: Channel) -> tuple[object, ...]:
    """Everything that can be changed; the log is told less of the address."""
    return channel.name, channel.url, channel.off_since, channel.off_why, channel.failing_since


@transaction.atomic
def rotate(*, caller: Caller, channel_id: int, now: datetime) -> Channel:
    """A new secret; the former one signs too for a while. Raises DoesNotExist, or Refused for Slack."""
    refuse_limited(caller)
    channel = Channel.objects.select_for_update().get(id=channel_id)
    if channel.kind != ChannelKind.WEBHOOK:
        raise Refused("Slack's secret is its address: change that.", code="no_secret")
    channel.former_nonce, channel.nonce = channel.nonce, _nonce()
    channel.former_until = now + timedelta(hours=settings.WEBHOOK_ROTATION_HOURS)
    channel.save(update_fields=["former_nonce", "nonce", "former_until"])
    audit.record(caller=caller, action="channel.rotated", obj=channel, after={"former_until": channel.former_until})
    return channel


@transaction.atomic
def delete(*, caller: Caller, channel_id: int, now: datetime) -> Channel:
    """It gets nothing any more, and its deliveries go with it. Raises DoesNotExist."""
    refuse_limited(caller)
    channel = Channel.objects.select_for_update().get(id=channel_id)
    audit.record(caller=caller, action="channel.deleted", obj=channel, before=_told(channel))
    resolve_alerts(kind="channel_off", subject=f"channel:{channel.pk}", occurrences_prefix="", now=now)
    Channel.objects.filter(id=channel.pk).delete()
    return channel


@transaction.atomic
def try_channel(*, caller: Caller, channel_id: int, now: datetime) -> Delivery:
    """Post a test with the next sweep of the outbox. Raises DoesNotExist, or Conflict for one that is off."""
    refuse_limited(caller)
    channel = Channel.objects.get(id=channel_id)
    if channel.off_since is not None:
        raise Conflict("This channel is switched off.", code="off")
    delivery = Delivery.objects.create(purpose=Purpose.TEST, channel=channel, made_at=now, due_at=now)
    audit.record(caller=caller, action="channel.tested", obj=channel)
    return delivery


@transaction.atomic
def try_mail(*, caller: Caller, address: str, now: datetime) -> Delivery:
    """Mail a test to the caller's own address with the next sweep. Raises Refused without a mail server."""
    if not settings.EMAIL_URL:
        raise Refused("No mail server is set up: EMAIL_URL is empty.", code="no_mail")
    delivery = Delivery.objects.create(purpose=Purpose.TEST, address=address, made_at=now, due_at=now)
    audit.record(caller=caller, action="mail.tested", obj=delivery, after={"address": address})
    return delivery


def refuse_limited(caller: Caller) -> None:
    """Channels tell of everything. Raises NotAllowed for a caller who is limited to projects."""
    if caller.project_ids is not None:
        raise NotAllowed("You are limited to projects; who is told of alerts concerns all of them.", code="limited")


def shown_url(channel: Channel) -> str:
    """The address without what may be a secret in it: scheme and host."""
    scheme, _, rest = channel.url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{slash}{'…' if path else ''}"


def _refuse_address(url: str) -> None:
    try:
        check(url)
    except OutboundError as error:
        raise Refused(str(error), code="address", path="url") from error


def _kept(channel: Channel) -> Channel:
    if not channel.name or len(channel.name) > 128:
        raise Refused("A channel needs a name of at most 128 characters.", code="invalid", path="name")
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise Conflict("There is a channel of this name.", code="name_taken", path="name") from error
    return channel


def _told(channel: Channel) -> dict[str, object]:
    return {"name": channel.name, "kind": channel.kind, "address": shown_url(channel), "on": channel.off_since is None}


def _nonce() -> str:
    return secrets.token_urlsafe(16)
