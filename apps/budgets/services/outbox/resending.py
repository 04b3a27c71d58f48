"""Sending a message again that has been sent or was given up."""

from datetime import datetime

from django.db import transaction

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.budgets.models import Delivery, DeliveryState
from apps.budgets.services.alerting.channels import refuse_limited


@transaction.atomic
def resend(*, caller: Caller, delivery_id: int, now: datetime) -> Delivery:
    """Send it again with the next sweep, under the same id. Raises DoesNotExist or Conflict."""
    refuse_limited(caller)
    delivery = Delivery.objects.select_for_update(of=("self",)).select_related("channel").get(id=delivery_id)
    if delivery.state == DeliveryState.FOLDED:
        raise Conflict("It went out with another message: resend that one.", code="folded")
    if delivery.leased_until is not None and delivery.leased_until > now:
        raise Conflict("It is being sent just now.", code="leased")
    if delivery.channel is not None and delivery.channel.off_since is not None:
        raise Conflict("Its channel is switched off: switch it on first.", code="off")
    before = {"state": delivery.state, "tries": delivery.tries}
    delivery.state, delivery.tries, delivery.error, delivery.sent_at = DeliveryState.WAITING, 0, "", None
    # As old as it is now, it would be folded with others that have waited.
    delivery.made_at = delivery.due_at = now
    delivery.leased_until = None
    delivery.save(update_fields=["state", "tries", "error", "sent_at", "made_at", "due_at", "leased_until"])
    audit.record(caller=caller, action="delivery.resent", obj=delivery, before=before)
    return delivery
