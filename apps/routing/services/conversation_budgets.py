"""The budget of every conversation, in step with the policy in force: one truth for pages, agents and decisions."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.services import audit
from apps.budgets.domain.drafts import Draft
from apps.budgets.models import Budget
from apps.budgets.services.in_step import InStep, in_step, keep_in_step
from apps.routing.domain.conversation_budget import ORIGIN, draft_of_policy
from apps.routing.domain.policy import policy_of
from apps.routing.selectors.policies import current_version

Document = Mapping[str, Any]


def change_ahead(*, before: Document | None, document: Document) -> InStep:
    """What publishing this document would do to the budget; nothing is written."""
    return in_step(origin=ORIGIN, draft=_draft(document), was=_draft(before))


def follow(*, actor: str, before: Document | None, document: Document) -> InStep:
    """Bring the budget in step, in the transaction of the publication, whose audit entry tells of it."""
    return keep_in_step(actor=actor, origin=ORIGIN, draft=_draft(document), was=_draft(before))


@transaction.atomic
def bring_about(*, actor: str) -> Budget | None:
    """The budget of a policy that was published before budgets were kept in step. Safe to run twice.

    One that people deleted stays deleted until the next publication.
    """
    current = current_version()
    if current is None or Budget.objects.filter(origin=ORIGIN).exists():
        return None
    kept = keep_in_step(actor=actor, origin=ORIGIN, draft=_draft(current.document))
    if kept.budget is not None:
        audit.record(caller=actor, action="budget.created", obj=kept.budget, after=kept.fields[1])
    return kept.budget


def _draft(document: Document | None) -> Draft | None:
    return draft_of_policy(policy_of(document)) if document is not None else None
