"""Exploring and pacing: what may be tried with which chance, the laws of it, and what a decision tells and keeps."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from apps.access.domain.identity import Scope
from apps.routing.domain.candidates import BudgetLimit, Candidate, Wanted
from apps.routing.domain.exploring import WHOLE, Exploring, chance_of, chances, drawn, expected_extra
from apps.routing.domain.pacing import STEADY, Pace, Used, pace_of
from apps.routing.domain.selection import dominates
from apps.routing.models import Decision
from tests.budgets import acts as budgets
from tests.costs.posting import JSON
from tests.routing import acts
from tests.routing.test_selection import ASK, GOOD, LADDER, LARGE, MIDDLE, SMALL, WEAK, asks, ladders, one

SHARE = Exploring(50_000, 10**6)
DOWN = BudgetLimit("B", "budget", most_rank=1)
LITTLE = BudgetLimit("B", "budget", left=1500)


def tried(candidates: list[Candidate], exploring: Exploring = SHARE, **fields: Any) -> dict[str, int]:
    """What may be taken, by its chance in a million."""
    found: Counter[str] = Counter()
    for chance in chances(replace(ASK, **fields), candidates, exploring):
        found[chance.selection.chosen.model[1] if chance.selection.chosen else ""] += chance.share
    return dict(found)


HELD: dict[str, Any] = {"held": ("p", "middle"), "held_rank": 1, "is_user_turn": False}
USUAL = {"middle": WHOLE}
CASES: list[tuple[list[Candidate], dict[str, Any], dict[str, int]]] = [
    (LADDER, {}, {"middle": 950_000, "small": 25_000, "large": 25_000}),
    (LADDER, {"exploring": Exploring()}, USUAL),
    # Large costs 900 more.
    (LADDER, {"exploring": Exploring(50_000, 899)}, {"middle": 950_000, "small": 50_000}),
    (LADDER, {"strategy": "quality_first"}, USUAL),
    (LADDER, HELD, USUAL),
    (LADDER, {"failed": {("p", "small"): "wrong"}}, USUAL),
    (LADDER, {"budget": DOWN}, USUAL),
    (LADDER, {"budget": BudgetLimit("B", "budget", is_cheapest=True)}, USUAL),
    # Twice 1,000 is more than what is left.
    (LADDER, {"budget": LITTLE}, {"middle": 950_000, "small": 50_000}),
    (LADDER, {"by_rule": True}, USUAL),
    (LADDER, {"bounds": (1, None)}, {"middle": 950_000, "large": 50_000}),
    (LADDER, {"bounds": (0, 1)}, {"middle": 950_000, "small": 50_000}),
    ([*LADDER, one("other", 1, 120, position=1)], {"by_rule": True}, {"middle": 950_000, "other": 50_000}),
    # Unknown quality strays by one tier; what is known to be too weak is never tried.
    (LADDER, {"rank": 0}, {"small": 950_000, "middle": 50_000}),
    ([replace(SMALL, quality=WEAK), MIDDLE, LARGE], {}, {"middle": 950_000, "large": 50_000}),
    ([replace(SMALL, quality=GOOD), MIDDLE, replace(LARGE, quality=GOOD)], {}, {"small": 950_000, "middle": 50_000}),
    ([replace(SMALL, breaker="open"), MIDDLE], {}, USUAL),
    ([MIDDLE], {}, USUAL),
    # A model that comes back after failures is taken by one decision in ten.
    ([replace(MIDDLE, breaker="half_open"), LARGE], {"exploring": Exploring()}, {"middle": 100_000, "large": 900_000}),
]


def test_what_is_tried() -> None:
    wrong = [(case, found) for case in CASES if (found := tried(case[0], **case[1])) != case[2]]
    assert wrong == []


explorings = st.builds(Exploring, st.integers(0, 50_000), st.integers(0, 2000))


@given(asks, ladders, explorings, st.integers(0, WHOLE - 1))
def test_laws_of_chances(wanted: Wanted, ladder: list[Candidate], exploring: Exploring, number: int) -> None:
    found = chances(wanted, ladder, exploring)
    assert sum(chance.share for chance in found) == WHOLE
    assert all(chance.share > 0 for chance in found)
    assert found == chances(wanted, list(reversed(ladder)), exploring)
    models = {each.model for each in ladder}
    reached = {chance.selection.chosen is None for chance in found}
    assert reached == {True} or sum(chance_of(found, model) for model in models) == WHOLE, "of the models, too"
    picked = drawn(found, number)
    assert sum(chance.share for chance in found[: found.index(picked)]) <= number
    assert expected_extra(found) * WHOLE <= exploring.share * exploring.most_extra + WHOLE or has_half_open(ladder)
    for chance in found:
        choice = chance.selection
        if choice.chosen is None or not choice.reason_code.endswith("explored"):
            continue
        assert choice.chosen.cost is not None
        assert choice.chosen.cap is None or choice.chosen.cost * 1000 <= choice.chosen.cap * wanted.tokens
        assert wanted.max_cost is None or choice.chosen.cost <= wanted.max_cost
        assert wanted.budget is None or wanted.budget.left is None or 2 * choice.chosen.cost <= wanted.budget.left
        assert wanted.budget is None or wanted.budget.most_rank is None
        assert choice.chosen.known is None or choice.chosen.known.lower >= wanted.quality_threshold
        usual = next(each for each in ladder if choice.verdicts[each.spot] == "usual")
        assert not dominates(choice.costs, usual, choice.chosen)
        assert usual.model in [each.model for each in choice.fallbacks]


def has_half_open(ladder: list[Candidate]) -> bool:
    """With one the usual choice itself is drawn by lot, and what that costs is not exploring's."""
    return any(each.breaker == "half_open" for each in ladder)


NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_the_pace_of_budgets() -> None:
    def used(spent: str, name: str = "B", ends: bool = True) -> Used:
        ends_at = NOON + timedelta(hours=10) if ends else None
        return Used(name, Decimal(10), Decimal(spent), NOON - timedelta(hours=10), ends_at)

    assert pace_of([], NOON) == STEADY
    assert pace_of([used("9", ends=False)], NOON) == STEADY, "without an end there is no pace"
    assert pace_of([used("5")], NOON) == Pace(1.0, "B")
    # (0.6 + 0.05) / (0.4 + 0.05), of which the half of the period is 1.
    assert round(pace_of([used("6"), used("1", "slow")], NOON).value, 4) == round(0.65 / 0.45, 4)
    assert pace_of([used("10")], NOON).value == 4.0
    assert pace_of([used("0")], NOON).value == 0.25
    assert pace_of([used("0")], NOON - timedelta(hours=10)).value == 1.0, "nothing is known yet"


def ask(client: Client, **fields: Any) -> dict[str, Any]:
    question = {"message": "hi", "input_tokens": 1000, "expected_output_tokens": 100, **fields}
    answer = client.post("/api/routing/decisions", question, content_type=JSON)
    assert answer.status_code == 201, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_a_share_of_decisions_tries_another_model_and_says_so(make_held_key: Any) -> None:
    rules = [{"when": {"role": "x"}, "tier": "standard"}]
    acts.published(acts.document(rules=rules, exploration={"share": 0.05, "most_extra_usd": "0.01"}))
    client = make_held_key(Scope.ROUTING_USE).client
    answers = [ask(client, id=f"d{number}") for number in range(120)]
    tries = [told for told in answers if told["reason_code"] == "left_simple_explored"]
    # The ids are fixed, but the key is not: of 120, 6 are expected, and none or 25 happen once in a hundred thousand.
    assert len(tries) <= 25
    for told in answers:
        chance = {one["tier"]: one["chance"] for one in told["considered"]}
        assert chance == {"simple": 0.95, "standard": 0.05, "premium": 0}
        assert told["propensity"] == chance[told["tier"]]
        stored = Decision.objects.get(decision_id=told["id"])
        assert stored.propensity == Decimal(str(told["propensity"]))
    for told in tries:
        assert "a small share of calls" in told["reason"]
        assert told["fallbacks"][0] == acts.model(acts.MINI)
    assert ask(client, role="x")["propensity"] == 1, "the tier of a rule has one model"


def test_a_budget_that_is_used_too_fast_makes_money_weigh_more(make_held_key: Any) -> None:
    acts.published(acts.document(model_routing_strategy="balanced"))
    client = make_held_key(Scope.ROUTING_USE).client
    assert "Money weighs" not in ask(client)["reason"]
    budgets.make_budget("1", thresholds=[], period="year")
    budgets.spend("0.99")
    assert "the budget “All” is used faster than its time passes" in ask(client)["reason"]
    assert "Money weighs" not in ask(client, strategy="cost_optimized")["reason"]
