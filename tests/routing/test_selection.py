"""Selection: a table of cases with exact answers, and the laws that hold for any candidates."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from apps.routing.domain.candidates import BudgetLimit, Candidate, Quality, Wanted
from apps.routing.domain.reasons import sentence
from apps.routing.domain.selection import dominates, select

TIERS = ("simple", "standard", "premium")


def one(name: str, rank: int, cost: int | None = None, **fields: Any) -> Candidate:
    """A healthy model of a wide window; its cost is 10 to the power of its tier."""
    usual: dict[str, Any] = {"supports": frozenset({"tools", "json"}), "context_window": 200_000}
    price = 10 ** (rank + 1) if cost is None else cost
    return Candidate(("p", name), TIERS[rank], rank, fields.pop("position", 0), price, **(usual | fields))


def known(mean: float, lower: float, n: int = 100) -> Quality:
    return Quality(mean, lower, n)


SMALL, MIDDLE, LARGE = one("small", 0), one("middle", 1), one("large", 2)
LADDER = [SMALL, MIDDLE, LARGE]
ASK = Wanted(tokens=1000, context_tokens=500, rank=1, default_rank=1)


def on(candidates: list[Candidate], **fields: Any) -> tuple[str | None, str]:
    """Who was chosen, and the reason."""
    found = select(replace(ASK, **fields), candidates)
    return (found.chosen.model[1] if found.chosen else None, found.reason_code)


RULE: dict[str, Any] = {"by_rule": True}
GOOD, WEAK, UNKNOWN = known(0.95, 0.9), known(0.5, 0.4), known(0.99, 0.98, n=19)


CASES: list[tuple[list[Candidate], dict[str, Any], tuple[str | None, str]]] = [
    (LADDER, {}, ("middle", "tier_of_score")),
    (LADDER, {"by_rule": True, "rank": 0}, ("small", "tier_of_rule")),
    # 19 outcomes are too few: the tier decides.
    ([replace(SMALL, quality=UNKNOWN), MIDDLE, LARGE], {}, ("middle", "tier_of_score")),
    # A cheaper tier that is known to do: 10 + 0.05 x 0.8 x 100 = 14 < 100.
    ([replace(SMALL, quality=GOOD), MIDDLE, LARGE], {}, ("small", "left_standard_known_quality")),
    # Too weak for the threshold, however cheap.
    ([replace(SMALL, quality=WEAK), MIDDLE, LARGE], {"rank": 0}, ("middle", "left_simple_below_quality")),
    ([replace(SMALL, quality=WEAK)], {"rank": 0}, ("small", "no_feasible_model")),
    ([replace(SMALL, quality=GOOD), MIDDLE], {"rank": 0}, ("small", "cheapest_meeting_quality")),
    # The tier's own floor is above the threshold.
    ([replace(SMALL, quality=GOOD, quality_floor=0.92), MIDDLE], {"rank": 0}, ("middle", "left_simple_below_quality")),
    # Hard filters go up the ladder and name the tier left.
    ([SMALL, replace(MIDDLE, breaker="open"), LARGE], {}, ("large", "left_standard_unhealthy")),
    ([SMALL, replace(MIDDLE, breaker="half_open"), LARGE], {}, ("large", "left_standard_recovering")),
    ([replace(MIDDLE, breaker="half_open"), LARGE], {"tries_recovering": True}, ("middle", "tier_of_score")),
    ([SMALL, replace(MIDDLE, is_rate_limited=True), LARGE], {}, ("large", "left_standard_rate_limited")),
    ([SMALL, replace(MIDDLE, context_window=400), LARGE], {}, ("large", "left_standard_context_window")),
    ([replace(MIDDLE, context_window=700), LARGE], {"context_share": 0.7}, ("large", "left_standard_context_window")),
    (
        [replace(MIDDLE, context_window=None), LARGE],
        {"context_tokens": 32_001},
        ("large", "left_standard_context_window"),
    ),
    (LADDER, {"requires": frozenset({"vision"})}, (None, "no_feasible_model")),
    (
        [MIDDLE, replace(LARGE, supports=frozenset({"vision"}))],
        {"requires": frozenset({"vision"})},
        ("large", "left_standard_lacks_vision"),
    ),
    ([replace(MIDDLE, cost=None), LARGE], {}, ("large", "left_standard_unpriced")),
    ([replace(MIDDLE, cap=99), LARGE], {}, ("large", "left_standard_over_cap")),
    ([replace(MIDDLE, cap=100), LARGE], {}, ("middle", "tier_of_score")),
    (LADDER, {"max_cost": 99}, ("middle", "no_feasible_model")),
    (LADDER, {"providers": frozenset({"other"})}, (None, "no_feasible_model")),
    # Too long for all: the widest that answers, of equal ones the default tier's.
    (
        [replace(SMALL, context_window=None, breaker="open"), replace(MIDDLE, context_window=None), LARGE],
        {"context_tokens": 10**9},
        ("large", "no_feasible_model"),
    ),
    (
        [replace(each, context_window=None) for each in LADDER],
        {"context_tokens": 10**9},
        ("middle", "no_feasible_model"),
    ),
    (
        [replace(SMALL, context_window=None), replace(MIDDLE, context_window=None), replace(LARGE, breaker="open")],
        {"context_tokens": 10**9},
        ("middle", "no_feasible_model"),
    ),
    # A lone model is never taken away: the one that hinders for a while is better than none.
    ([replace(MIDDLE, breaker="open")], {}, ("middle", "no_feasible_model")),
    # Failures: the provider's keep the tier, others climb.
    (
        [MIDDLE, one("second", 1, 110, position=1), LARGE],
        {"failed": {("p", "middle"): "429"}},
        ("second", "tier_of_score"),
    ),
    (LADDER, {"failed": {("p", "middle"): "wrong"}}, ("large", "escalated_from_standard")),
    (LADDER, {"rank": 0, "failed": {("p", "small"): "tests"}}, ("middle", "escalated_from_simple")),
    (LADDER, {"failed": {("p", "middle"): "wrong", ("p", "large"): "wrong"}}, ("middle", "no_feasible_model")),
    # A turn goes on with the model it began with, and climbs when that failed.
    (LADDER, {"held": ("p", "large"), "held_rank": 2, "is_user_turn": False, "rank": 0}, ("large", "held")),
    (LADDER, {"held": ("p", "large"), "held_rank": 2, "rank": 0}, ("small", "tier_of_score")),
    (
        LADDER,
        {"held": ("p", "small"), "held_rank": 0, "is_user_turn": False, "failed": {("p", "small"): "x"}},
        ("middle", "escalated_from_simple"),
    ),
    # Strategies among known models.
    (
        [replace(SMALL, quality=known(0.8, 0.75)), replace(LARGE, quality=GOOD)],
        {"strategy": "quality_first", "rank": 2},
        ("large", "best_quality"),
    ),
    (
        [replace(SMALL, quality=known(0.8, 0.75)), replace(LARGE, quality=GOOD)],
        {"strategy": "balanced", "rank": 2, "spend_left": 2000},
        ("small", "left_premium_better_quality"),
    ),
    (
        [replace(SMALL, quality=known(0.8, 0.75)), replace(LARGE, quality=GOOD)],
        {"strategy": "balanced", "rank": 2, "spend_left": 200_000},
        ("large", "best_value"),
    ),
    ([one("b", 1, 50, position=1), MIDDLE], {"strategy": "balanced"}, ("middle", "tier_of_score")),
    ([one("b", 1, 50, position=1), MIDDLE], {}, ("b", "tier_of_score")),
    # A premium model that costs less is taken.
    ([MIDDLE, one("large", 2, 60)], {}, ("large", "left_standard_premium_cheaper")),
    # Not one that is known to be too weak, nor instead of what a turn of its own tier holds.
    (
        [replace(MIDDLE, quality=GOOD), replace(one("large", 2, 60), quality=WEAK)],
        {},
        ("middle", "cheapest_meeting_quality"),
    ),
    (
        [LARGE, one("other", 2, 60, position=1)],
        {"held": ("p", "large"), "held_rank": 2, "is_user_turn": False},
        ("large", "held"),
    ),
    # Nothing is feasible: what is no worse and no dearer takes the place of the first, which is still why.
    (
        [replace(MIDDLE, quality=WEAK), replace(one("second", 1, 90, position=1), quality=known(0.6, 0.5))],
        {},
        ("second", "no_feasible_model"),
    ),
    # A model that is down is so whatever else refuses it, and one that failed for this ask comes after its tier.
    (
        [replace(MIDDLE, cost=None, breaker="open"), one("second", 1, position=1, cap=1)],
        {},
        ("second", "no_feasible_model"),
    ),
    (
        [MIDDLE, replace(one("second", 1, 110, position=1), quality=WEAK)],
        {"failed": {("p", "middle"): "wrong"}},
        ("second", "no_feasible_model"),
    ),
    # A rule's tier is left by what it cannot do, not because another tier is cheaper or better.
    ([replace(SMALL, quality=GOOD), MIDDLE, LARGE], RULE | {"bounds": (1, 1)}, ("middle", "tier_of_rule")),
    ([replace(SMALL, quality=GOOD), MIDDLE, LARGE], RULE | {"bounds": (1, None)}, ("middle", "tier_of_rule")),
    (
        [replace(SMALL, quality=GOOD), MIDDLE, LARGE],
        RULE | {"bounds": (0, 1)},
        ("small", "left_standard_known_quality"),
    ),
    ([MIDDLE, one("large", 2, 60)], RULE | {"bounds": (1, 1)}, ("middle", "tier_of_rule")),
    (
        [replace(MIDDLE, quality=known(0.8, 0.75)), replace(LARGE, quality=GOOD)],
        RULE | {"bounds": (0, 1), "strategy": "quality_first"},
        ("middle", "best_quality"),
    ),
    (
        [replace(MIDDLE, breaker="open"), replace(LARGE, quality=GOOD)],
        RULE | {"bounds": (1, 1)},
        ("large", "left_standard_unhealthy"),
    ),
    (LADDER, RULE | {"bounds": (1, 1), "failed": {("p", "middle"): "wrong"}}, ("large", "escalated_from_standard")),
    # Known to be no worse and cheaper, in the tier that quality_first would not have looked at for cost.
    (
        [replace(MIDDLE, quality=GOOD), replace(one("large", 2, 90), quality=known(0.96, 0.9))],
        {"strategy": "balanced"},
        ("large", "left_standard_better_quality"),
    ),
    # Budgets.
    (LADDER, {"rank": 2, "budget": BudgetLimit("Support", "budget", most_rank=0)}, ("small", "left_premium_budget")),
    (
        LADDER,
        {"rank": 2, "budget": BudgetLimit("Support", "budget", most_rank=0), "budget_wins": False},
        ("large", "quality_before_budget"),
    ),
    (
        [replace(SMALL, quality=GOOD), MIDDLE, LARGE],
        {
            "rank": 1,
            "strategy": "quality_first",
            "budget_wins": False,
            "budget": BudgetLimit("Support", "budget", most_rank=0),
        },
        ("small", "left_standard_better_quality"),
    ),
    (LADDER, {"budget": BudgetLimit("Support", "budget", left=99)}, ("middle", "no_feasible_model")),
    # What is left does for the tier that the budget asks for.
    (LADDER, {"budget": BudgetLimit("Support", "budget", most_rank=0, left=99)}, ("small", "left_standard_budget")),
    (LADDER, {"budget": BudgetLimit("Support", "budget", most_rank=0, left=9)}, ("middle", "no_feasible_model")),
]


def test_choices() -> None:
    told = [(on(candidates, **fields), fields, candidates) for candidates, fields, _ in CASES]
    wrong = [(*one, case[2]) for one, case in zip(told, CASES, strict=True) if one[0] != case[2]]
    assert wrong == []


def test_what_is_told_beside_the_choice() -> None:
    weak, open_one = replace(SMALL, quality=WEAK), replace(one("down", 1, position=1), breaker="open")
    second = one("second", 1, 120, position=2)
    found = select(
        replace(ASK, budget=BudgetLimit("S", "budget", most_rank=1)), [weak, MIDDLE, open_one, second, LARGE]
    )
    assert found.verdicts == {
        weak.spot: "below_quality",
        MIDDLE.spot: "chosen",
        open_one.spot: "unhealthy",
        second.spot: "dearer",
        LARGE.spot: "dearer",
    }
    assert [each.model[1] for each in found.fallbacks] == ["second", "large", "small"]
    assert (found.expected, found.is_below_quality, found.wanted_tier) == (100, False, "standard")
    downgraded = select(replace(ASK, rank=2, budget=BudgetLimit("S", "budget", most_rank=1)), LADDER)
    assert (downgraded.is_below_quality, downgraded.wanted_tier) == (True, "premium")


def test_a_budgets_word_survives_a_better_choice_in_its_tier() -> None:
    first, second = replace(SMALL, quality=known(0.6, 0.4)), replace(one("other", 0, 10, position=1), quality=WEAK)
    better = replace(second, quality=known(0.6, 0.5))
    wanted = replace(ASK, rank=2, budget=BudgetLimit("Support", "budget", most_rank=0))
    found = select(wanted, [first, better, LARGE])
    assert (found.chosen, found.reason_code, found.lowered_from) == (better, "left_premium_budget", LARGE)
    assert found.is_below_quality
    told = sentence(found, wanted)
    assert told == (
        "p/other of simple instead of p/large of premium: the budget “Support” asks for it until it is raised. "
        "This is below the quality threshold; the policy lets the budget “Support” win."
    )


def test_sentences_name_tiers_with_underscores_and_blame_no_budget_that_is_none() -> None:
    low = [replace(each, tier=f"very_{each.tier}") for each in (SMALL, replace(MIDDLE, breaker="open"), LARGE)]
    told = sentence(select(ASK, low), ASK)
    assert told == "p/large of very_premium instead of very_standard: its models fail at the moment."
    held = replace(ASK, held=MIDDLE.model, held_rank=1, is_user_turn=False)
    found = select(held, [replace(MIDDLE, quality=WEAK)])
    assert (found.reason_code, found.is_below_quality) == ("held", True)
    assert sentence(found, held).endswith("it began with. This is below the quality threshold.")


qualities = st.none() | st.builds(
    lambda mean, gap, n: Quality(mean, max(0.0, mean - gap), n), st.floats(0, 1), st.floats(0, 0.5), st.integers(0, 60)
)
candidates = st.builds(
    lambda name, rank, position, cost, cap, window, breaker, limited, quality: Candidate(
        ("p", name), TIERS[rank], rank, position, cost, cap, window, frozenset({"tools"}), breaker, limited, quality
    ),
    st.sampled_from("abcdef"),
    st.integers(0, 2),
    st.integers(0, 3),
    st.none() | st.integers(0, 1000),
    st.none() | st.integers(0, 1000),
    st.none() | st.sampled_from((100, 10_000)),
    st.sampled_from(("closed", "closed", "half_open", "open")),
    st.booleans(),
    qualities,
)
ladders = st.lists(candidates, min_size=1, max_size=9, unique_by=lambda each: each.model[1] + each.tier)
asks = st.builds(
    Wanted,
    tokens=st.integers(1, 2000),
    context_tokens=st.sampled_from((50, 5_000)),
    rank=st.integers(0, 2),
    default_rank=st.integers(0, 2),
    strategy=st.sampled_from(("cost_optimized", "balanced", "quality_first")),
    quality_threshold=st.floats(0, 1),
    max_cost=st.none() | st.integers(0, 1000),
    failed=st.dictionaries(
        st.tuples(st.just("p"), st.sampled_from("abc")), st.sampled_from(("429", "wrong")), max_size=2
    ),
    held=st.none() | st.tuples(st.just("p"), st.sampled_from("abcdef")),
    held_rank=st.none() | st.integers(0, 2),
    is_user_turn=st.booleans(),
    budget=st.none()
    | st.builds(
        BudgetLimit, st.just("B"), st.just("budget"), st.none() | st.integers(0, 2), st.none() | st.integers(0, 1000)
    ),
    budget_wins=st.booleans(),
    spend_left=st.none() | st.integers(1, 10_000),
)


@example(
    Wanted(
        tokens=1,
        context_tokens=50,
        rank=1,
        default_rank=2,
        strategy="cost_optimized",
        quality_threshold=0.0,
        budget=BudgetLimit("B", "budget", 0, None),
        budget_wins=False,
    ),
    [
        Candidate(("p", "a"), "premium", 2, 0, cost=1, cap=0),
        Candidate(("p", "b"), "simple", 0, 0, cost=0),
    ],
)
@given(asks, ladders)
def test_laws(wanted: Wanted, ladder: list[Candidate]) -> None:
    found = select(wanted, ladder)
    assert found == select(wanted, list(reversed(ladder))), "the order in which candidates are read says nothing"
    if found.chosen is None or found.reason_code == "no_feasible_model":
        return
    chosen = found.chosen
    assert chosen.cost is not None
    assert found.expected is not None
    assert chosen.cap is None or chosen.cost * 1000 <= chosen.cap * wanted.tokens, "never over a cap"
    assert wanted.max_cost is None or chosen.cost <= wanted.max_cost
    assert wanted.budget is None or wanted.budget.left is None or chosen.cost <= wanted.budget.left
    assert chosen.breaker == "closed" or wanted.tries_recovering
    refused = {"chosen", "below_quality", "dearer", "another_tier", "not_preferred"}
    feasible = [each for each in ladder if found.verdicts[each.spot] in refused]
    costs = {each.spot: _expected(each, feasible) for each in feasible}
    assert not [each for each in feasible if dominates(costs, each, chosen)], "never a dominated model"
    is_weak = {each.spot: each.known is not None and each.known.lower < wanted.quality_threshold for each in feasible}
    if is_weak[chosen.spot] and found.lowered_from is None:
        assert found.reason_code == "held", "what is known to be too weak is taken for a budget, or in a turn"
    wanted_rank = next(rank for rank, name in enumerate(TIERS) if name in (found.wanted_tier or TIERS[0]))
    if chosen.rank != wanted_rank and found.wanted_tier:
        assert found.reason_code.startswith("left_") or found.reason_code == "quality_before_budget"
    if wanted.strategy == "cost_optimized":
        top = max(each.rank for each in ladder)
        premium = [costs[each.spot] for each in feasible if each.rank == top and not is_weak[each.spot]]
        assert not premium or chosen.rank == top or costs[chosen.spot] <= min(premium), "never dearer than all-premium"


def _expected(each: Candidate, feasible: list[Candidate]) -> int:
    """The cost of the call, and of a second try one tier up for 80 % of the failures that are to be expected."""
    cost = each.cost or 0
    above = [other.cost for other in feasible if other.rank > each.rank and other.cost is not None]
    if each.quality is None or each.quality.n < 20 or not above:
        return cost
    return cost + round((1 - each.quality.mean) * 0.8 * min(above))
