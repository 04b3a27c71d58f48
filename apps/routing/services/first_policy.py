"""Publishes the first policy of a fresh installation."""

from datetime import datetime

from apps.routing.domain.first_policy import WANTED, first_document
from apps.routing.models import PolicyVersion, RoutingState
from apps.routing.selectors.policies import price_facts
from apps.routing.services import policies

MAKER = "first start"


def publish_first_policy(*, now: datetime) -> PolicyVersion | None:
    """Publish the first policy, unless one was ever published or the price book lacks the models. Safe to run twice."""
    if RoutingState.objects.filter(version__isnull=False).exists():
        return None
    facts = price_facts({key for keys in WANTED.values() for key in keys}, now=now)
    document = first_document(facts, today=now.date())
    if document is None:
        return None
    note = "The agent's own settings, with models that answer today and caps that admit them."
    draft = policies.make_draft(caller=MAKER, document=document, note=note)
    return policies.publish(caller=MAKER, draft_id=draft.pk, now=now)
