"""The tiers in force with what the price book says of their models: for the API and the page."""

from datetime import datetime
from typing import Any

from apps.routing.domain.policy import Policy
from apps.routing.domain.policy_checks import UNKNOWN, why_left_out
from apps.routing.domain.retirements import announced_end
from apps.routing.selectors.in_force import in_force
from apps.routing.selectors.policies import price_facts


def tiers_told(*, now: datetime) -> list[dict[str, Any]]:
    """The tiers in force, cheapest first; none before a policy was published."""
    found = in_force()
    return [] if found is None else tiers_of(found.policy, now=now)


def tiers_of(policy: Policy, *, now: datetime) -> list[dict[str, Any]]:
    """The tiers of a policy: range, cap, and models in order with prices and what leaves them out."""
    facts = price_facts({model.key for tier in policy.tiers for model in tier.models}, now=now)
    told: list[dict[str, Any]] = []
    for tier in policy.tiers:
        models = []
        for model in tier.models:
            known = facts.get(model.key, UNKNOWN)
            reason = why_left_out(model, tier, known)
            end = None if reason and reason[0] == "retired" else announced_end(*model.key)
            models.append(
                {
                    "provider": model.provider,
                    "name": model.name,
                    "supports": list(model.supports),
                    "context_window": model.context_window or known.context_window,
                    "input_usd_per_mtok": known.input_usd_per_mtok,
                    "output_usd_per_mtok": known.output_usd_per_mtok,
                    "typical_usd_per_1k": known.per_1k_usd,
                    "limit_requests": model.limit_requests,
                    "limit_input": model.limit_input,
                    "limit_output": model.limit_output,
                    "key_pool": list(model.key_pool),
                    "parameters": model.parameters,
                    "left_out": reason and {"code": reason[0], "message": reason[1]},
                    "ends": end and {"on": end.day, "reported": end.is_reported, "message": end.told},
                }
            )
        told.append(
            {
                "name": tier.name,
                "from": told[-1]["to"] if told else 0,
                "to": tier.upper,
                "max_cost_per_1k_tokens": tier.max_cost_per_1k_tokens,
                "quality_floor": tier.quality_floor,
                "min_context_tokens": tier.min_context_tokens,
                "is_default": tier.name == policy.default_tier,
                "models": models,
            }
        )
    return told
