"""Mail addresses of nobody who signs in: asked for by an admin, used once whoever reads them has agreed."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.models import User
from apps.access.services import audit
from apps.budgets.models import Delivery, MailAddress, Purpose

MOST_ADDRESSES = 200
ASK_AGAIN_AFTER = timedelta(hours=1)


@transaction.atomic
def ask(*, caller: Caller, address: str, now: datetime) -> MailAddress:
    """Mail the address a link with which its reader agrees. Raises Refused or Conflict."""
    address = address.strip().lower()
    if not settings.EMAIL_URL:
        raise Refused("No mail server is set up: EMAIL_URL is empty.", code="no_mail", path="address")
    if User.objects.filter(email=address).exists():
        raise Conflict("Somebody who signs in has this address: choose their role.", code="is_person", path="address")
    if MailAddress.objects.count() >= MOST_ADDRESSES:
        raise Refused(f"At most {MOST_ADDRESSES} addresses.", code="too_many", path="address")
    found, is_new = MailAddress.objects.get_or_create(
        address=address, defaults={"asked_by": caller.actor, "asked_at": now}
    )
    if not is_new and found.verified_at:
        raise Conflict("This address has agreed already.", code="known", path="address")
    if not is_new and found.asked_at > now - ASK_AGAIN_AFTER:
        raise Conflict("This address was asked within the last hour.", code="asked", path="address")
    found.asked_at = now
    found.save(update_fields=["asked_at"])
    Delivery.objects.create(purpose=Purpose.VERIFY, address=address, made_at=now, due_at=now)
    audit.record(caller=caller, action="mail_address.asked", obj=found, after={"address": address})
    return found


@transaction.atomic
def agree(*, address: str, now: datetime) -> None:
    """Its reader followed the link. Harmless to repeat."""
    found = MailAddress.objects.select_for_update().get(address=address)
    if found.verified_at is None:
        found.verified_at = now
        found.save(update_fields=["verified_at"])
        audit.record(caller=address, action="mail_address.agreed", obj=found, after={"address": address})


@transaction.atomic
def remove(*, caller: Caller, address_id: int) -> MailAddress:
    """Forget an address: it gets nothing any more. Raises DoesNotExist."""
    found = MailAddress.objects.select_for_update().get(id=address_id)
    audit.record(caller=caller, action="mail_address.removed", obj=found, before={"address": found.address})
    found.delete()
    return found


def is_known(address: str) -> bool:
    """True if somebody asked for this address and it was not removed since."""
    return MailAddress.objects.filter(address=address).exists()
