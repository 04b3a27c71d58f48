"""What routing did beside saving: switches told around them, bands against the baseline, savings by its own tokens."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import User
from apps.routing import tasks
from apps.routing.domain.switching import Stretch, Watch
from apps.routing.domain.token_ratio import Stratum, token_ratio
from apps.routing.models import BaselineLearned, Decision
from tests.cast import HeldKey
from tests.costs.posting import call, posted
from tests.routing import acts
from tests.routing.acts import FULL, MINI
from tests.routing.test_decisions import ask
from tests.routing.test_quality import tell

URL = "/api/routing/effects"


@pytest.fixture
def key(admin_key: HeldKey) -> HeldKey:
    acts.published()
    return admin_key


def used(model: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return call(provider=model[0], model=model[1], **{"role": "chat", "task_type": "code", **fields})


def told(key: HeldKey, **parameters: str) -> dict[str, Any]:
    day = timezone.now().date()
    range_of = {"from": f"{day - timedelta(days=2)}T00:00:00Z", "to": f"{day + timedelta(days=1)}T00:00:00Z"}
    answer = key.client.get(URL, {**range_of, **parameters})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_switches_are_told_with_what_went_before_and_after(key: HeldKey, alice: User, signed_in: Any) -> None:
    noon = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    models = (FULL, FULL, MINI, MINI, FULL)
    posted(
        key,
        [
            used(model, conversation_id="c", latency_ms=100 * (n + 1), input_tokens=2000,
                 status="error" if n == 3 else "ok", project="support",
                 occurred_at=(noon + timedelta(seconds=100 * n)).isoformat())
            for n, model in enumerate(models)
        ],
    )  # fmt: skip
    tasks.derive_savings()
    first, second = sorted(told(key)["switches"], key=lambda row: row["from"], reverse=True)
    assert (second["from"], second["to"], second["switches"]) == ("/".join(FULL), "/".join(MINI), 1)
    assert (second["before"]["calls"], second["before"]["latency_mean_ms"]) == (2, 150)
    assert (second["after"]["calls"], second["after"]["errors"], second["after"]["latency_mean_ms"]) == (2, 1, 350)
    # 2,000 tokens at 0.4 instead of 0.1 per million.
    assert (second["cache_lost_tokens"], second["cache_lost_usd"]) == (2000, "0.0006")
    assert (first["before"]["calls"], first["after"]["calls"]) == (2, 1), "between two switches: after one, before one"
    assert first["before"]["cost_per_call_usd"] == "0.00096"
    assert told(key, project="sales")["switches"] == []
    assert key.client.get(URL, {"model": "x"}).status_code == 422
    page = signed_in(alice).get("/routing/savings").content.decode()
    assert "Switches of model in conversations" in page, "without a baseline, too"
    assert "Switches" not in signed_in(alice).get("/routing/savings?model=x").content.decode()


def test_bands_and_tokens_against_the_baseline(key: HeldKey, alice: User, signed_in: Any) -> None:
    now = timezone.now()
    for number in range(50):
        own = number >= 25
        name = f"t{number}"
        ask(key.client, id=f"d{number}", message="hi", conversation_id=name, task_type="code")
        # The baseline's model takes half of the tokens, twice as slowly.
        size = {"input_tokens": 500, "latency_ms": 200} if own else {"input_tokens": 1000, "latency_ms": 100}
        posted(
            key,
            [used(FULL if own else MINI, decision_id=f"d{number}", conversation_id=name, output_tokens=0, **size)],
        )
    tell(key, [{"task_id": f"t{n}", "success": n % 5 != 0, "source": "tests"} for n in range(50)])
    Decision.objects.update(score=Decimal("0.2"))
    acts.baseline(alice, days=1)
    tasks.derive_savings()
    found = told(key)
    (band,) = found["bands"]
    assert (band["band"], band["routed"]["calls"], band["baseline"]["calls"]) == ("simple", 25, 25)
    assert (band["routed"]["latency_mean_ms"], band["baseline"]["latency_mean_ms"]) == (100, 200)
    assert (band["routed"]["judged_tasks"], band["routed"]["succeeded_tasks"]) == (25, 20)
    ratio = BaselineLearned.objects.get().ratios["code"]
    assert (ratio["value"], ratio["low"], ratio["high"], ratio["baseline_tasks"]) == ("0.5000", "0.5000", "0.5000", 25)
    # 25 x 1,000 tokens at 2 per million would have been half as many at the baseline; paid 25 x 0.0004.
    adjusted = found["adjusted"]
    assert (adjusted["saved_usd"], adjusted["coverage"]) == ("0.015", "1.000000")
    page = signed_in(alice).get("/routing/savings").content.decode()
    for words in ("by the tokens that the baseline", "By complexity", "the baseline&#x27;s model", "(n = 25)"):
        assert words in page, words
    BaselineLearned.objects.update(ratios={})
    assert told(key)["adjusted"] is None
    learned_at = BaselineLearned.objects.get().learned_at
    tasks.derive_savings()
    assert BaselineLearned.objects.get().learned_at == learned_at, "not again within the hour"
    assert learned_at >= now


def test_tasks_whose_model_was_drawn_tell_what_the_baseline_would_have_cost(
    key: HeldKey, alice: User, signed_in: Any
) -> None:
    """Every fifth task got the baseline's model by a chance of 0.2, and took half of the tokens there."""
    ask(key.client, id="d0", message="hi", conversation_id="c0", task_type="code")
    acts.drawn([(MINI, "0.8") if number % 5 else (FULL, "0.2") for number in range(200)])
    calls = [
        used(MINI if number % 5 else FULL, decision_id=f"d{number}", conversation_id=f"c{number}", output_tokens=0,
             input_tokens=1_000 if number % 5 else 500)
        for number in range(200)
    ]  # fmt: skip
    posted(key, calls)
    acts.baseline(alice, days=1)
    tasks.derive_savings()
    lot = told(key)["by_lot"]
    cost = lot["cost_usd"]
    # 160 tasks of 1,000 tokens at 0.4 per million, 40 of 500 at 2; at the baseline every task 500 at 2.
    assert (cost["why"], cost["tasks"], cost["moved_tasks"], cost["taken_tasks"]) == (None, 200, 200, 40)
    assert (Decimal(cost["before"]["value"]), Decimal(cost["normed"]["value"])) == (
        Decimal("0.00052"),
        Decimal("0.001"),
    )
    assert abs(Decimal(cost["robust"]["value"]) - Decimal("0.001")) < Decimal("1e-9")
    assert (lot["success"]["why"], lot["days"]) == ("nothing_drawn", 30), "nobody judged them"
    assert told(key, project="support")["by_lot"] is None, "it is of all projects together"
    page = signed_in(alice).get("/routing/savings").content.decode()
    assert "By lot</a> (doubly robust): 200 tasks" in page
    assert "saved <strong>48.0%" in page
    Decision.objects.update(propensity=1)
    BaselineLearned.objects.all().delete()
    tasks.derive_savings()
    assert told(key)["by_lot"]["cost_usd"]["why"] == "nothing_drawn"
    assert "no task of 30 days had its model drawn" in signed_in(alice).get("/routing/savings").content.decode()


def test_a_ratio_of_tokens_compares_equal_difficulty() -> None:
    easy, hard = Stratum([100] * 20, [200] * 80), Stratum([400] * 80, [800] * 20)
    found = token_ratio({"easy": easy, "hard": hard, "rare": Stratum([1] * 19, [320] * 100)})
    assert found is not None
    assert (found.value, found.low, found.high) == (Decimal("0.5"),) * 3, "naively 340 / 320"
    assert (found.baseline_tasks, found.other_tasks, found.coverage) == (100, 100, Decimal("0.5"))
    assert token_ratio({"rare": Stratum([1] * 19, [1] * 100)}) is None
    spread = token_ratio({"": Stratum([50, 150] * 20, [100] * 40)})
    assert spread is not None
    assert spread.low < Decimal("0.9") < spread.value == 1 < Decimal("1.1") < spread.high


def test_a_cold_cache_or_a_short_prompt_loses_nothing() -> None:
    noon = timezone.now()

    def follow(watch: Watch, model: int, seconds: int, tokens: int) -> int:
        return watch.follow(
            "c", 1, 1, model, at=noon + timedelta(seconds=seconds), input_tokens=tokens, call=Stretch(calls=1),
            counts=True,
        )[1]  # fmt: skip

    watch = Watch(warm=timedelta(seconds=300), least_tokens=1000)
    steps = ((1, 0, 5000), (2, 300, 4000), (1, 601, 4000), (2, 700, 999), (1, 800, 9000))
    assert [follow(watch, *step) for step in steps] == [0, 4000, 0, 999, 0]
    assert sum(one.switches for one in watch.found.values()) == 4
