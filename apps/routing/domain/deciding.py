"""From a question, a policy and what is known to the choice: pure, so that a stored question can be asked again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from apps.costs.domain.pricing import femto_of
from apps.costs.domain.providers import canonical_provider

from .asked import Asked
from .candidates import Breaker, BudgetLimit, Candidate, Quality, Wanted
from .complexity import Complexity
from .conversation import Conversation, Held
from .exploring import WHOLE, Chance, Exploring, chances, drawn
from .pacing import STEADY, Pace
from .policy import ModelKey, Policy, PolicyModel, Rule, Tier
from .retirements import retirement_of
from .selection import Selection

DEFAULT_OUTPUT = 300
"""Tokens of an answer nobody said or saw the length of."""
UTILITY = "utility"
_femto_of_policy = lru_cache(maxsize=1024)(femto_of)
"""Amounts of policies are few, and read for every decision."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """How a model does at the moment."""

    breaker: Breaker = "closed"
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


HEALTHY = ModelState()
CostOf = Callable[[ModelKey, int, int, int], int | None]
"""Model, input, output and cached tokens: femto-dollars, None when unpriced."""


class Known(msgspec.Struct, frozen=True):
    """What Bursar knows when a question comes."""

    now: datetime
    cost_of: CostOf
    windows: Mapping[ModelKey, int | None]
    states: Mapping[ModelKey, ModelState]
    qualities: Mapping[ModelKey, Quality]
    conversation: Conversation
    budget: BudgetLimit | None = None
    pace: Pace = STEADY


class Sizes(msgspec.Struct, frozen=True):
    """The tokens of the call as expected: `context_tokens` must fit, `history_tokens` may be in a cache."""

    input_tokens: int
    output_tokens: int
    context_tokens: int
    history_tokens: int = 0


class Choice(msgspec.Struct, frozen=True):
    """The selection with what it was made from, and with what else might have been drawn."""

    selection: Selection
    chances: Sequence[Chance]
    candidates: Sequence[Candidate]
    wanted: Wanted
    sizes: Sizes
    window: int | None
    context_share: float


def choose(
    asked: Asked, policy: Policy, complexity: Complexity, known: Known, sizes: Sizes, *, is_user_turn: bool, trial: int
) -> Choice:
    """The choice for a question; `trial` is a number below a million drawn for it, of which 0 gets the usual choice."""
    rule = policy.rule_for(fields_of(asked))
    rank, by_rule, bounds = _rank(policy, complexity, rule)
    names = policy.tier_names()
    held = known.conversation.held
    share = policy.context.util_model_ctx_input if asked.role == UTILITY else policy.context.chat_model_ctx_history
    budget = known.budget
    wanted = Wanted(
        tokens=sizes.input_tokens + sizes.output_tokens,
        context_tokens=sizes.context_tokens,
        rank=rank,
        default_rank=names.index(policy.default_tier),
        strategy="cost_optimized" if budget and budget.is_cheapest else asked.strategy or policy.model_routing_strategy,
        quality_threshold=(
            policy.model_routing_quality_threshold if asked.quality_threshold is None else asked.quality_threshold
        ),
        context_share=share,
        requires=frozenset(asked.requires),
        providers=_as_written(rule.providers, policy) if rule else frozenset(),
        max_cost=None if asked.max_cost_usd is None else femto_of(asked.max_cost_usd),
        failed=_failed(asked, policy, held, is_user_turn=is_user_turn),
        held=held.model if held else None,
        held_rank=names.index(held.tier) if held and held.tier in names else None,
        is_user_turn=is_user_turn,
        by_rule=by_rule,
        bounds=bounds,
        budget=budget,
        budget_wins=policy.when_budget_meets_quality == "budget",
        spend_left=_spend_left(policy, known.conversation),
        pace=known.pace.value,
        pace_name=known.pace.name,
    )
    candidates = [
        _candidate(tier, number, model, position, known, sizes)
        for number, tier in enumerate(policy.tiers)
        for position, model in enumerate(tier.models)
    ]
    among = chances(wanted, candidates, _exploring(policy))
    selection = drawn(among, trial).selection
    window = selection.chosen.context_window if selection.chosen else None
    return Choice(selection, among, candidates, wanted, sizes, window, share)


def _exploring(policy: Policy) -> Exploring:
    return Exploring(round(policy.exploration.share * WHOLE), _femto_of_policy(policy.exploration.most_extra_usd))


def _failed(asked: Asked, policy: Policy, held: Held | None, *, is_user_turn: bool) -> dict[ModelKey, str]:
    """What failed for this ask: by the agent's own word, and by an outcome of the turn that goes on.

    The agent may call a provider by another of its names than the policy does.
    """
    told = {attempt.key: attempt.error_type for attempt in asked.failed_attempts}
    if told:
        failed = {(canonical_provider(provider), name): error for (provider, name), error in told.items()}
        for key in {model.key for tier in policy.tiers for model in tier.models} - told.keys():
            if (error := failed.get((canonical_provider(key[0]), key[1]))) is not None:
                told[key] = error
    if held is not None and held.has_failed and not is_user_turn:
        told.setdefault(held.model, "outcome")
    return told


def _as_written(providers: Sequence[str], policy: Policy) -> frozenset[str]:
    """Providers of a rule by every name the policy gives them."""
    allowed = {canonical_provider(provider) for provider in providers}
    named = {model.provider for tier in policy.tiers for model in tier.models} if allowed else set()
    return frozenset(providers) | {name for name in named if canonical_provider(name) in allowed}


def fields_of(asked: Asked) -> dict[str, str | None]:
    """What rules look at."""
    return {
        "project": asked.project,
        "agent": asked.agent,
        "role": asked.role,
        "task_type": asked.task_type,
        "tool": asked.tool,
    }


def _rank(policy: Policy, complexity: Complexity, rule: Rule | None) -> tuple[int, bool, tuple[int, int | None]]:
    """The rank of the wanted tier, whether a rule set it, and the ranks that the rule keeps the call to."""
    names = policy.tier_names()
    of_score = names.index(policy.tier_of_score(complexity.score).name)
    if rule is None or rule.tier is None:
        return of_score, False, (0, None)
    of_rule = names.index(rule.tier)
    rank = {"exactly": of_rule, "least": max(of_rule, of_score), "most": min(of_rule, of_score)}[rule.at]
    least = 0 if rule.at == "most" else of_rule
    most = None if rule.at == "least" else of_rule
    return rank, rule.at == "exactly" or rank != of_score, (least, most)


def _candidate(tier: Tier, rank: int, model: PolicyModel, position: int, known: Known, sizes: Sizes) -> Candidate:
    cached, key = 0, model.key
    if known.conversation.is_warm(key, known.now):
        cached = min(sizes.history_tokens, sizes.input_tokens)
    state = known.states.get((canonical_provider(model.provider), model.name), HEALTHY)
    return Candidate(
        model=key,
        tier=tier.name,
        rank=rank,
        position=position,
        cost=known.cost_of(key, sizes.input_tokens, sizes.output_tokens, cached),
        cap=None if tier.max_cost_per_1k_tokens is None else _femto_of_policy(tier.max_cost_per_1k_tokens),
        context_window=model.context_window or known.windows.get(key),
        supports=frozenset(model.supports),
        breaker="open" if retirement_of(*key) else state.breaker,
        is_rate_limited=_reaches_a_limit(model, state, sizes),
        quality=known.qualities.get(key),
        quality_floor=tier.quality_floor or 0.0,
    )


def _reaches_a_limit(model: PolicyModel, state: ModelState, sizes: Sizes) -> bool:
    """Whether the last minute leaves no room for this call."""
    if model.limit_requests is None and model.limit_input is None and model.limit_output is None:
        return False
    return (
        _is_over(state.requests + 1, model.limit_requests)
        or _is_over(state.input_tokens + sizes.input_tokens, model.limit_input)
        or _is_over(state.output_tokens + sizes.output_tokens, model.limit_output)
    )


def _is_over(amount: int, limit: int | None) -> bool:
    return limit is not None and amount > limit


def _spend_left(policy: Policy, conversation: Conversation) -> int | None:
    budget = policy.model_routing_budget_per_conversation
    if budget is None:
        return None
    left = Decimal(budget) - conversation.spent_usd
    return max(1, int(left.scaleb(15)))
