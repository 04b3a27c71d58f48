"""Keeps what a person said of an ask's tier, and takes it back."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.routing.domain.asked import SCANNED, Asked
from apps.routing.domain.complexity import Ask, analyze
from apps.routing.domain.hashed_features import VERSION, hashed_features
from apps.routing.models import LabelledExample
from apps.routing.selectors.in_force import InForce


@dataclass(frozen=True, slots=True)
class Labelled:
    """An ask, the tier it should have had, and whether its text may be kept."""

    asked: Asked
    tier: str
    keeps_message: bool = False


@transaction.atomic
def keep_example(*, caller: Caller, labelled: Labelled, found: InForce) -> LabelledExample:
    """Keep an ask with what the analyzer sees in it and the tier a person gave it.

    Raises Refused for a tier that the policy does not have, an empty ask, or when there are too many.
    """
    asked, tiers = labelled.asked, found.policy.tier_names()
    if labelled.tier not in tiers:
        raise Refused(f"The policy has no tier “{labelled.tier}”.", code="unknown", path="tier")
    if not asked.message.strip():
        raise Refused("An example needs a message.", code="required", path="message")
    if LabelledExample.objects.count() >= settings.LABELLED_EXAMPLES:
        message = f"At most {settings.LABELLED_EXAMPLES:,} examples are kept (BURSAR_LABELLED_EXAMPLES)."
        raise Refused(message, code="too_many")
    complexity = analyze(
        Ask(
            message=asked.message[:SCANNED],
            task_type=asked.task_type,
            role=asked.role,
            tools_offered=asked.tools_count,
            input_tokens=asked.input_tokens,
            expected_output_tokens=asked.expected_output_tokens,
        ),
        None,
        found.weights,
    )
    assert complexity.reading is not None
    example = LabelledExample.objects.create(
        made_by=caller.actor,
        tier_wanted=labelled.tier,
        tier_given=found.policy.tier_of_score(complexity.score).name,
        score=Decimal(f"{complexity.score:.6f}"),
        task_type=asked.task_type or "",
        role=asked.role or "",
        policy_version=found.version,
        factors={factor.name: round(factor.value, 6) for factor in complexity.factors},
        features_version=VERSION,
        features=hashed_features(complexity.reading),
        message=asked.message[:SCANNED] if labelled.keeps_message else None,
    )
    told = {"tier_wanted": example.tier_wanted, "tier_given": example.tier_given, "with_text": labelled.keeps_message}
    audit.record(caller=caller, action="example.kept", obj=example, after=told)
    return example


@transaction.atomic
def remove_example(*, caller: Caller, example_id: int) -> None:
    """Delete an example. Raises LabelledExample.DoesNotExist."""
    example = LabelledExample.objects.select_for_update().get(pk=example_id)
    before = {"tier_wanted": example.tier_wanted, "tier_given": example.tier_given}
    audit.record(caller=caller, action="example.removed", obj=example, before=before)
    example.delete()
