"""Rows of tasks routed by a policy: each ask is scored, and the tier of its score gives the model.

Rows know how models did, not what calls cost elsewhere, and the policy knows nothing of their quality; so the score's
tier decides, as it does in decisions below 20 outcomes. Models are matched by name, whoever serves them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from apps.routing.domain.complexity import Ask, analyze
from apps.routing.domain.policy import Policy
from apps.routing.domain.replay.ladders import Replayed
from apps.routing.domain.replay.table import Outcomes
from apps.routing.domain.weighing import weights_of


def by_policy(outcomes: Outcomes, prompts: Mapping[str, str], policy: Policy) -> tuple[Replayed, Counter[str]]:
    """What each task comes to under the policy, and how many went to each model; `prompts` are by key.

    Raises ValueError for a task without a prompt, and for a tier none of whose models, nor those of the tiers above
    it, is in the rows.
    """
    columns = [_column(outcomes.models, policy, rank) for rank in range(len(policy.tiers))]
    ranks, weights = {tier.name: rank for rank, tier in enumerate(policy.tiers)}, weights_of(policy)
    chosen = []
    for key in outcomes.keys:
        prompt = prompts.get(key)
        if not prompt:
            raise ValueError(f"the row {key} has no prompt to score")
        chosen.append(columns[ranks[policy.tier_of_score(analyze(Ask(prompt), None, weights).score).name]])
    rows = np.arange(len(chosen))
    return Replayed(outcomes.quality[rows, chosen], outcomes.cost[rows, chosen]), Counter(
        outcomes.models[column] for column in chosen
    )


def _column(models: Sequence[str], policy: Policy, rank: int) -> int:
    for tier in policy.tiers[rank:]:
        for model in tier.models:
            for name in (model.name, f"{model.provider}/{model.name}"):
                if name in models:
                    return models.index(name)
    raise ValueError(f"no model of the tier {policy.tiers[rank].name}, nor of those above it, is in the rows")
