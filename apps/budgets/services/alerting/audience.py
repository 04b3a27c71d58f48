"""Who is told of alerts, and how: the one row that people set under Settings."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time

from django.db import transaction

from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.budgets.models import Audience, Channel, MailAddress
from apps.budgets.services.alerting import hours
from apps.budgets.services.alerting.channels import refuse_limited


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything that can be set."""

    roles: Collection[str]
    address_ids: Collection[int]
    channel_ids: Collection[int]
    lowest: str
    digest_minutes: int
    quiet_from: time | None
    quiet_until: time | None
    zone: str
    remind_hours: int
    tells_resolved: bool


@transaction.atomic
def set_audience(*, caller: Caller, wanted: Telling, now: datetime) -> Audience:
    """Set who is told and how, also of what waits for its hour. Raises NotAllowed for a caller limited to projects."""
    refuse_limited(caller)
    Audience.objects.get_or_create(id=1)
    audience = Audience.objects.select_for_update().get(id=1)
    before = _told(audience)
    audience.roles = sorted(wanted.roles)
    audience.lowest, audience.digest_minutes = wanted.lowest, wanted.digest_minutes
    audience.quiet_from, audience.quiet_until, audience.zone = wanted.quiet_from, wanted.quiet_until, wanted.zone
    audience.remind_hours, audience.tells_resolved = wanted.remind_hours, wanted.tells_resolved
    audience.save()
    audience.addresses.set(MailAddress.objects.filter(id__in=wanted.address_ids))
    audience.channels.set(Channel.objects.filter(id__in=wanted.channel_ids))
    if (after := _told(audience)) != before:
        audit.record(caller=caller, action="alerting.changed", obj=audience, before=before, after=after)
        hours.set_anew(manner=audience.manner, now=now)
    return audience


def _told(audience: Audience) -> dict[str, object]:
    return {
        "roles": list(audience.roles),
        "addresses": list(audience.addresses.order_by("address").values_list("address", flat=True)),
        "channels": list(audience.channels.order_by("name").values_list("name", flat=True)),
        "lowest": audience.lowest,
        "digest_minutes": audience.digest_minutes,
        "quiet": [str(audience.quiet_from), str(audience.quiet_until), audience.zone],
        "remind_hours": audience.remind_hours,
        "tells_resolved": audience.tells_resolved,
    }
