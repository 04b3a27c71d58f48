"""Whether whoever a message was addressed to may still have it: between addressing and sending a night may pass."""

from apps.access.models import User
from apps.budgets.models import Delivery, MailAddress, Purpose

GONE = "Nobody of this address is to be told any more."
OFF = "The channel was switched off."


def why_not(delivery: Delivery) -> str:
    """Why nothing is sent; empty where something is. What its reader may not see any more is taken out before."""
    if delivery.channel is not None:
        return OFF if delivery.channel.off_since is not None else ""
    address = MailAddress.objects.filter(address=delivery.address)
    if delivery.purpose == Purpose.VERIFY:
        return "" if address.exists() else GONE
    person = User.objects.filter(email=delivery.address, is_active=True).first()
    if person is not None and not person.limited:
        return ""
    if delivery.purpose == Purpose.TEST:
        return "" if person else GONE
    if address.exclude(verified_at=None).exists():
        return ""
    if person is None:
        return GONE
    delivery.items.exclude(announcement__alert__project_id__in=sorted(person.project_limit or ())).delete()
    return "" if delivery.items.exists() else GONE
