"""Which model takes a call: hard filters, then the strategy. Pure: the same question has the same answer.

1. Candidates that cannot serve the call are refused, each with a code (`candidates.refusal`).
2. The wanted tier is that of the rule or the score; mid-turn that of the model the conversation holds; above it after
   failures that were not the provider's.
3. The pool is what may be trusted: the wanted tier's models, unless they are known to be worse than the threshold, and
   models of any tier whose lower bound of quality meets it. While quality is unknown the tier decides.
4. The strategy picks from the pool. An empty pool goes up the ladder, then takes the default tier's first model.
5. A budget may ask for less; a cheaper premium model, or one that dominates the choice, replaces it.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from .candidates import DETECTED, Candidate, Spot, Wanted, is_provider_fault, refusal

MOST_FALLBACKS = 3


class Selection(msgspec.Struct, frozen=True):
    """The choice, or None where no model can serve the call; why; and what became of every candidate.

    `expected` is what the choice costs in femto-dollars, tries on the next tier after failures included; `costs` is the
    same of every candidate that can serve the call. `lowered_from` is what would have been chosen if no budget had
    asked for a cheaper tier.
    """

    chosen: Candidate | None
    reason_code: str
    verdicts: Mapping[Spot, str]
    fallbacks: tuple[Candidate, ...] = ()
    expected: int | None = None
    is_below_quality: bool = False
    is_sticky: bool = False
    wanted_tier: str = ""
    costs: Mapping[Spot, int] = {}
    lowered_from: Candidate | None = None


class _Question(msgspec.Struct, frozen=True):
    wanted: Wanted
    feasible: tuple[Candidate, ...]
    every: tuple[Candidate, ...]
    refusals: Mapping[Spot, str]
    expected: Mapping[Spot, int]

    def cost(self, one: Candidate) -> int:
        return self.expected[one.spot]

    def tier_name(self, rank: int) -> str:
        return next((one.tier for one in self.every if one.rank == rank), "")


def select(wanted: Wanted, candidates: Sequence[Candidate]) -> Selection:
    """Choose among the candidates of all tiers."""
    asked = _question(wanted, candidates)
    rank = _wanted_rank(asked)
    chosen, code = _by_strategy(asked, rank)
    if chosen is None:
        chosen, code = _without_feasible(asked)
    unlimited = chosen
    # Also where nothing else was feasible: what is left of a blocking budget may do for the tier it asks for.
    if chosen and wanted.budget and wanted.budget.most_rank is not None and chosen.rank > wanted.budget.most_rank:
        chosen, code = _within_budget(asked, chosen, code, wanted.budget.most_rank)
    lowered = code if chosen is not unlimited else None
    if chosen is not None and chosen.spot in asked.expected:
        chosen, code = _not_dearer_than_premium(asked, chosen, code)
        chosen, code = _not_dominated(asked, chosen, code, rank, lowered)
    told = _told(asked, chosen, code, rank)
    return replace(told, lowered_from=unlimited) if code == lowered else told


def _question(wanted: Wanted, candidates: Sequence[Candidate]) -> _Question:
    every = tuple(sorted(candidates, key=lambda one: (one.rank, one.position, one.model)))
    refusals = {one.spot: code for one in every if (code := refusal(one, wanted))}
    feasible = tuple([one for one in every if one.spot not in refusals]) if refusals else every
    expected = {one.spot: _expected(one, feasible) for one in feasible}
    return _Question(wanted, feasible, every, refusals, expected)


def _expected(one: Candidate, feasible: Sequence[Candidate]) -> int:
    """The cost with the tries that its failures are expected to cost on the next tier."""
    cost = one.cost or 0
    if one.known is None:
        return cost
    above = [other.cost for other in feasible if other.rank > one.rank and other.cost is not None]
    return cost + round((1 - one.known.mean) * DETECTED * min(above)) if above else cost


def _wanted_rank(asked: _Question) -> int:
    wanted = asked.wanted
    top = max((one.rank for one in asked.every), default=0)
    rank = wanted.rank
    if wanted.held_rank is not None and not wanted.is_user_turn:
        rank = wanted.held_rank
    failed = [one.rank for one in asked.every if _failed_at_it(one, wanted)]
    if failed:
        rank = max(rank, max(failed) + 1)
    return min(rank, top)


def _failed_at_it(one: Candidate, wanted: Wanted) -> bool:
    return one.model in wanted.failed and not is_provider_fault(wanted.failed[one.model])


def _by_strategy(asked: _Question, rank: int) -> tuple[Candidate | None, str]:
    wanted = asked.wanted
    if held := _held(asked, rank):
        return held, "held"
    pool = _as_the_rule_says(asked, [one for one in asked.feasible if _is_trusted(asked, one, rank)], rank)
    if not any(one.rank == rank for one in pool) and not any(one.known for one in pool):
        pool = _up_the_ladder(asked, rank)
    if not pool:
        return None, "no_feasible_model"
    chosen = _picked(asked, pool)
    return chosen, _code_of(asked, chosen, rank, wanted)


def _as_the_rule_says(asked: _Question, pool: list[Candidate], rank: int) -> list[Candidate]:
    """What a rule's bounds leave of the pool; all of it where they leave nothing, as no rule makes a call fail."""
    return [one for one in pool if _keeps_the_rule(asked, one, rank)] or pool


def _keeps_the_rule(asked: _Question, one: Candidate, rank: int) -> bool:
    """Whether a tier is one the rule lets a call go to; failures lift its upper bound."""
    least, most = asked.wanted.bounds
    return least <= one.rank and (most is None or one.rank <= max(most, rank))


def _held(asked: _Question, rank: int) -> Candidate | None:
    """The model the conversation holds, while the same turn goes on in the same tier."""
    wanted = asked.wanted
    if wanted.held is None or wanted.is_user_turn:
        return None
    return next((one for one in asked.feasible if one.model == wanted.held and one.rank == rank), None)


def _is_trusted(asked: _Question, one: Candidate, rank: int) -> bool:
    if one.known is not None:
        return one.known.lower >= _threshold(asked, one)
    return one.rank == rank


def _threshold(asked: _Question, one: Candidate) -> float:
    return max(asked.wanted.quality_threshold, one.quality_floor)


def _up_the_ladder(asked: _Question, rank: int) -> list[Candidate]:
    """The models of the next tier above that has any that are not known to be too weak."""
    above = [one for one in asked.feasible if one.rank > rank and one.known is None]
    lowest = min((one.rank for one in above), default=None)
    return [one for one in above if one.rank == lowest]


def _picked(asked: _Question, pool: Sequence[Candidate]) -> Candidate:
    strategy = asked.wanted.strategy
    known = [one for one in pool if one.known is not None]
    if strategy == "cost_optimized":
        return min(pool, key=lambda one: (asked.cost(one), -_mean(one), -_lower(one), _order(asked, one)))
    if not known:
        return min(pool, key=lambda one: _order(asked, one))
    if strategy == "quality_first":
        return min(known, key=lambda one: (-_mean(one), asked.cost(one), -_lower(one), _order(asked, one)))
    left = asked.wanted.spend_left or max(1, max(asked.cost(one) for one in known))
    weight = asked.wanted.pace / left
    return min(
        known,
        key=lambda one: (asked.cost(one) * weight - _mean(one), asked.cost(one), -_lower(one), _order(asked, one)),
    )


def _mean(one: Candidate) -> float:
    return one.known.mean if one.known else 0.0


def _lower(one: Candidate) -> float:
    return one.known.lower if one.known else 0.0


def _order(asked: _Question, one: Candidate) -> tuple[bool, int, int]:
    """The model the conversation holds first: its prompt is in the cache; then as the policy orders them."""
    return (one.model != asked.wanted.held, one.rank, one.position)


def _code_of(asked: _Question, chosen: Candidate, rank: int, wanted: Wanted) -> str:
    if chosen.rank == rank:
        failed = [one for one in asked.every if _failed_at_it(one, wanted)]
        if failed and rank > max(one.rank for one in failed):
            return f"escalated_from_{max(failed, key=lambda one: one.rank).tier}"
        if wanted.strategy != "cost_optimized" and chosen.known is not None:
            return "best_value" if wanted.strategy == "balanced" else "best_quality"
        if chosen.known is not None:
            return "cheapest_meeting_quality"
        return "tier_of_rule" if wanted.by_rule else "tier_of_score"
    left = asked.tier_name(rank)
    beaten = any(one.rank == rank and _is_trusted(asked, one, rank) for one in asked.feasible)
    if beaten:
        return f"left_{left}_{'known_quality' if wanted.strategy == 'cost_optimized' else 'better_quality'}"
    return f"left_{left}_{_why_empty(asked, rank)}"


def _why_empty(asked: _Question, rank: int) -> str:
    """Why no model of a tier could take the call: its first model's reason."""
    for one in asked.every:
        if one.rank == rank:
            return asked.refusals.get(one.spot, "below_quality")
    return "no_model"


def _without_feasible(asked: _Question) -> tuple[Candidate | None, str]:
    """The default tier's first healthy model; else the first of what hinders only for a while; else the widest.

    Where the context is too long for all, one that fails at the moment comes after those that do not, however wide.
    """
    lasting = [one for one in asked.every if _hinders_little(asked, one)]
    healthy = [one for one in lasting if not _is_down(asked, one)]
    default = asked.wanted.default_rank
    for group in (healthy, lasting):
        if group:
            # Of one tier, what has not failed for this ask comes first.
            first = min(
                group, key=lambda one: (one.rank != default, one.rank, _failed_at_it(one, asked.wanted), one.position)
            )
            return first, "no_feasible_model"
    able = [one for one in asked.every if not asked.wanted.requires - one.supports and _is_allowed(asked, one)]
    if not able:
        return None, "no_feasible_model"
    best = max(
        able,
        key=lambda one: (
            not _fails_now(asked, one), one.context_window or 0, one.rank == default, -one.rank, -one.position,
        ),
    )  # fmt: skip
    return best, "no_feasible_model"


def _fails_now(asked: _Question, one: Candidate) -> bool:
    """Whether its provider hinders it, whatever else refuses it."""
    is_faulty = is_provider_fault(asked.wanted.failed.get(one.model, "answered"))
    return one.breaker == "open" or one.is_rate_limited or is_faulty


def _is_down(asked: _Question, one: Candidate) -> bool:
    """Whether the provider hinders, whatever else does; a model that answered wrongly is still there."""
    return _fails_now(asked, one) or one.breaker == "half_open" and not asked.wanted.tries_recovering


def _hinders_little(asked: _Question, one: Candidate) -> bool:
    code = asked.refusals.get(one.spot, "")
    return not code.startswith("lacks_") and code not in ("context_window", "not_allowed")


def _is_allowed(asked: _Question, one: Candidate) -> bool:
    return not asked.wanted.providers or one.model[0] in asked.wanted.providers


def _within_budget(asked: _Question, chosen: Candidate, code: str, most_rank: int) -> tuple[Candidate, str]:
    """What a budget's tier leaves; the choice stays where quality wins and the tier would be too weak for it."""
    below = [one for one in asked.feasible if one.rank <= most_rank]
    if not below:
        return chosen, code
    best = min(below, key=lambda one: (-one.rank, asked.cost(one), one.position))
    if not asked.wanted.budget_wins and not _meets(asked, best):
        # What was taken because nothing was feasible was not taken for its quality, and keeps saying so.
        return chosen, code if code == "no_feasible_model" else "quality_before_budget"
    budget = asked.wanted.budget
    return best, f"left_{chosen.tier}_{budget.why if budget else 'budget'}"


def _meets(asked: _Question, one: Candidate) -> bool:
    return one.known is not None and one.known.lower >= _threshold(asked, one)


def _not_dearer_than_premium(asked: _Question, chosen: Candidate, code: str) -> tuple[Candidate, str]:
    """Under cost_optimized never dearer than the choice of a policy that sends everything to the top tier.

    That policy would go on with what a turn holds, and would not choose what is known to be too weak either.
    """
    top = max(one.rank for one in asked.every)
    if asked.wanted.strategy != "cost_optimized" or (chosen.rank == top and code == "held"):
        return chosen, code
    premium = [
        one for one in asked.feasible
        if one.rank == top and (one.known is None or _meets(asked, one)) and _keeps_the_rule(asked, one, chosen.rank)
    ]  # fmt: skip
    best = min(premium, key=lambda one: (asked.cost(one), one.position), default=None)
    if best is None or asked.cost(best) >= asked.cost(chosen):
        return chosen, code
    return best, f"left_{chosen.tier}_premium_cheaper" if best.rank != chosen.rank else code


def _not_dominated(
    asked: _Question, chosen: Candidate, code: str, rank: int, lowered: str | None
) -> tuple[Candidate, str]:
    better = [one for one in asked.feasible if dominates(asked.expected, one, chosen)]
    if not better:
        return chosen, code
    best = min(better, key=lambda one: (asked.cost(one), -_mean(one), -_lower(one), one.rank, one.position))
    if code == "no_feasible_model" or _stays_the_reason(asked, chosen, best, code, rank, lowered):
        return best, code
    return best, "dominates" if best.rank in (chosen.rank, rank) else f"left_{chosen.tier}_dominated"


def _stays_the_reason(
    asked: _Question, chosen: Candidate, best: Candidate, code: str, rank: int, lowered: str | None
) -> bool:
    """Whether what left the wanted tier, or kept to it against a budget, is still the reason of a better choice."""
    if best.rank == chosen.rank:
        return code.startswith(("left_", "escalated_")) or code == "quality_before_budget"
    if code == lowered:
        budget = asked.wanted.budget
        return budget is not None and budget.most_rank is not None and best.rank <= budget.most_rank
    return code.startswith("left_") and best.rank != rank


def dominates(expected: Mapping[Spot, int], one: Candidate, other: Candidate) -> bool:
    """Whether one is known to be no worse in cost, mean and lower bound of quality, and better in one of them."""
    if one.known is None or other.known is None:
        return False
    at_most = expected[one.spot] <= expected[other.spot]
    no_worse = one.known.mean >= other.known.mean and one.known.lower >= other.known.lower
    differs = (expected[one.spot], one.known.mean, one.known.lower) != (
        expected[other.spot], other.known.mean, other.known.lower,
    )  # fmt: skip
    return at_most and no_worse and differs


def _told(asked: _Question, chosen: Candidate | None, code: str, rank: int) -> Selection:
    wanted, tier = asked.wanted, asked.tier_name(rank)
    if chosen is None:
        return Selection(None, code, dict(asked.refusals), wanted_tier=tier)
    verdicts = {one.spot: _verdict(asked, one, chosen, rank) for one in asked.every}
    expected = asked.expected.get(chosen.spot, chosen.cost)
    below = chosen.rank < rank and not _meets(asked, chosen)
    if chosen.known is not None and chosen.known.lower < _threshold(asked, chosen):
        below = True
    fallbacks = sorted(
        (one for one in asked.feasible if one.model != chosen.model), key=lambda one: _failover(asked, one, chosen)
    )
    unique = {one.model: one for one in reversed(fallbacks)}
    first = [one for one in fallbacks if unique[one.model] is one][:MOST_FALLBACKS]
    return Selection(
        chosen, code, verdicts, tuple(first), expected, below,
        is_sticky=chosen.model == wanted.held, wanted_tier=tier, costs=asked.expected,
    )  # fmt: skip


def _failover(asked: _Question, one: Candidate, chosen: Candidate) -> tuple[int, int, bool, int, int]:
    """The order of failover: the same tier, then those above, then those below; healthy and cheap first."""
    side = 0 if one.rank == chosen.rank else 1 if one.rank > chosen.rank else 2
    return (side, abs(one.rank - chosen.rank), one.breaker != "closed", asked.cost(one), one.position)


def _verdict(asked: _Question, one: Candidate, chosen: Candidate, rank: int) -> str:
    if one.spot == chosen.spot:
        return "chosen"
    if refused := asked.refusals.get(one.spot):
        return refused
    if one.known is not None and one.known.lower < _threshold(asked, one):
        return "below_quality"
    if asked.cost(one) > asked.expected.get(chosen.spot, chosen.cost or 0):
        return "dearer"
    if one.known is None and one.rank != rank:
        return "another_tier"
    return "not_preferred"
