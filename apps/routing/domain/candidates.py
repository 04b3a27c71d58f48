"""What selection chooses from: a model of a tier with its cost, quality and state; and what is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import force_setattr

from .policy import ModelKey, Strategy

Breaker = Literal["closed", "half_open", "open"]
Spot = tuple[str, str, str]
"""Tier, provider and name: a model may stand in two tiers."""
SMALL_CONTEXT = 32_000
"""Tokens that a model whose window nobody knows is trusted with."""
DETECTED = 0.8
"""The share of failures that is noticed and tried again on the next tier: what a weak model's failure costs."""
KNOWN_FROM = 20
"""Outcomes from which on a quality is known."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The chance of success: its mean, its lower bound, and on how many outcomes they stand."""

    mean: float
    lower: float
    n: int


class Candidate(msgspec.Struct, frozen=True):
    """A model of a tier. `rank` counts tiers from the cheapest, `position` models within one.

    `cost` is what the call is expected to cost there in femto-dollars, cached tokens as they are billed; None is
    unpriced. `cap` is the tier's, in femto-dollars per 1,000 tokens.
    """

    model: ModelKey
    tier: str
    rank: int
    position: int
    cost: int | None
    cap: int | None = None
    context_window: int | None = None
    supports: frozenset[str] = frozenset()
    breaker: Breaker = "closed"
    is_rate_limited: bool = False
    quality: Quality | None = None
    quality_floor: float = 0.0
    spot: Spot = ("", "", "")
    """Where it stands; as `known`, made from the others."""
    known: Quality | None = None
    """The quality, if it stands on enough outcomes."""

    def __post_init__(self) -> None:
        # Both are asked for all the time.
        is_known = self.quality is not None and self.quality.n >= KNOWN_FROM
        force_setattr(self, "known", self.quality if is_known else None)
        force_setattr(self, "spot", (self.tier, *self.model))


class BudgetLimit(msgspec.Struct, frozen=True):
    """What a budget asks of the choice: no tier above `most_rank`, and no call above `left` femto-dollars.

    `is_cheapest` asks for the strategy cost_optimized, whatever the policy or the question says. `name` is for the
    sentence, `why` for the reason code, `budget_id` and `ends_at` (when its period ends; None: never) for the answer.
    """

    name: str
    why: str
    most_rank: int | None = None
    left: int | None = None
    is_cheapest: bool = False
    budget_id: int | None = None
    ends_at: datetime | None = None


class Wanted(msgspec.Struct, frozen=True):
    """What a call needs, and what the policy and the conversation say about it.

    `bounds` are the lowest and the highest rank that a rule lets it go to; None is no upper one.
    """

    tokens: int
    context_tokens: int
    rank: int
    default_rank: int
    strategy: Strategy = "cost_optimized"
    quality_threshold: float = 0.7
    context_share: float = 1.0
    requires: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    max_cost: int | None = None
    failed: Mapping[ModelKey, str] = {}
    held: ModelKey | None = None
    held_rank: int | None = None
    is_user_turn: bool = True
    by_rule: bool = False
    bounds: tuple[int, int | None] = (0, None)
    budget: BudgetLimit | None = None
    budget_wins: bool = True
    spend_left: int | None = None
    pace: float = 1.0
    pace_name: str = ""
    tries_recovering: bool = False


PROVIDER_FAULTS = frozenset(
    {"429", "402", "408", "500", "502", "503", "504", "529", "timeout", "connection", "rate_limit", "overloaded",
     "insufficient_quota", "out_of_credit", "server_error"}
)  # fmt: skip
"""Errors that say nothing of how hard the task is: another model of the same tier may do."""


def is_provider_fault(error_type: str) -> bool:
    """Whether an error is the provider's, not the answer's."""
    return error_type.strip().lower() in PROVIDER_FAULTS


def refusal(candidate: Candidate, wanted: Wanted) -> str | None:
    """Why a candidate cannot be chosen, as a code; None when it can. What no budget or price heals comes first."""
    return _cannot(candidate, wanted) or _hindered(candidate, wanted) or _too_dear(candidate, wanted)


def _cannot(candidate: Candidate, wanted: Wanted) -> str | None:
    """What no budget heals and no waiting: what it lacks, or what the policy says."""
    if lacking := wanted.requires - candidate.supports:
        return f"lacks_{'_'.join(sorted(lacking))}"
    if not _fits(candidate, wanted):
        return "context_window"
    if wanted.providers and candidate.model[0] not in wanted.providers:
        return "not_allowed"
    if candidate.cost is None:
        return "unpriced"
    return "over_cap" if _is_over_cap(candidate, wanted) else None


def _hindered(candidate: Candidate, wanted: Wanted) -> str | None:
    """What stands in its way at the moment."""
    if candidate.model in wanted.failed:
        return "failed"
    if candidate.breaker == "open":
        return "unhealthy"
    if candidate.breaker == "half_open" and not wanted.tries_recovering:
        return "recovering"
    return "rate_limited" if candidate.is_rate_limited else None


def _too_dear(candidate: Candidate, wanted: Wanted) -> str | None:
    if _is_above(candidate.cost, wanted.max_cost):
        return "over_max_cost"
    budget = wanted.budget
    return "over_budget" if budget is not None and _is_above(candidate.cost, budget.left) else None


def _fits(candidate: Candidate, wanted: Wanted) -> bool:
    window = candidate.context_window
    if window is None:
        return wanted.context_tokens <= SMALL_CONTEXT
    return wanted.context_tokens <= window * wanted.context_share


def _is_over_cap(candidate: Candidate, wanted: Wanted) -> bool:
    if candidate.cap is None or candidate.cost is None or not wanted.tokens:
        return False
    return candidate.cost * 1000 > candidate.cap * wanted.tokens


def _is_above(cost: int | None, limit: int | None) -> bool:
    return cost is not None and limit is not None and cost > limit
