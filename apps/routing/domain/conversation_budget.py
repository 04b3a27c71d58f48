"""The budget of every conversation that a policy asks for: warn at 80 %, at 100 % go down to the cheapest tier.

It blocks only where people add that to the budget itself.
"""

from decimal import Decimal

from apps.budgets.domain.cycles import Period
from apps.budgets.domain.drafts import Draft, checked_draft

from .policy import Policy

ORIGIN = "routing:conversation"
NAME = "Every conversation"
WARN_PERCENT, DOWN_PERCENT = 80, 100


def draft_of_policy(policy: Policy | None) -> Draft | None:
    """The budget as the policy has it; None when it asks for none."""
    if policy is None or not policy.tiers or not has_budget(policy):
        return None
    return checked_draft(
        {
            "name": NAME,
            "limit_usd": policy.model_routing_budget_per_conversation,
            "period": Period.CONVERSATION.value,
            "thresholds": [
                {"percent": WARN_PERCENT, "action": "notify"},
                {"percent": DOWN_PERCENT, "action": "downgrade", "tier": policy.tiers[0].name},
            ],
        }
    )


def has_budget(policy: Policy) -> bool:
    """Whether there is an amount over nothing."""
    budget = policy.model_routing_budget_per_conversation
    return budget is not None and 0 < Decimal(budget) < 10**12
