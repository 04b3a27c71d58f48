"""Statistics of quality from what agents sent: who is credited, what they stand on, and that a sweep may run again."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.access.domain.identity import Scope
from apps.access.models import Project
from apps.costs.models import Sweep
from apps.routing import tasks
from apps.routing.models import ModelQuality, QualityState
from apps.routing.selectors import quality
from apps.routing.services.quality import refresh_quality
from tests.cast import HeldKey
from tests.costs.posting import JSON, call, load_prices, posted
from tests.routing import acts

MINI, SONNET = ("openai", "gpt-4.1"), ("anthropic", "claude-sonnet-4-5")


def used(model: tuple[str, str], task: str, **fields: Any) -> dict[str, Any]:
    return call(provider=model[0], model=model[1], task_id=task, task_type="code", role="chat", **fields)


def judged(task: str, success: bool, source: str = "tests", **fields: Any) -> dict[str, Any]:
    return {"task_id": task, "success": success, "source": source, **fields}


@pytest.fixture
def agent(writer: HeldKey) -> HeldKey:
    quality.forget()
    load_prices()
    return writer


def tell(key: HeldKey, outcomes: list[dict[str, Any]]) -> None:
    answer = key.client.post("/api/outcomes", {"outcomes": outcomes}, content_type=JSON)
    assert answer.json()["accepted"] == len(outcomes)


def row(model: tuple[str, str], task_type: str = "code") -> ModelQuality:
    return ModelQuality.objects.get(provider=model[0], name=model[1], task_type=task_type)


def test_outcomes_become_a_quality_that_decisions_read(agent: HeldKey) -> None:
    posted(agent, [used(MINI, f"t{n}") for n in range(25)])
    tell(agent, [judged(f"t{n}", n < 20) for n in range(25)])
    tasks.refresh_quality()
    found = quality.quality_of(MINI, "code")
    assert found is not None
    assert found.n == 25
    assert found.mean == pytest.approx((1 + 20) / (2 + 25), abs=0.001), "no other task types: the prior is a half"
    assert 0.6 < found.lower < found.mean
    everywhere = quality.quality_of(MINI, None)
    assert everywhere is not None
    assert everywhere.n == 25
    assert quality.quality_of(MINI, "chat") is None
    assert Sweep.objects.get(name="quality").words == "25 judged tasks of 1 model"


def test_a_second_run_changes_nothing_and_new_outcomes_show(agent: HeldKey) -> None:
    now = timezone.now()
    posted(agent, [used(MINI, "t1"), used(MINI, "t2")])
    tell(agent, [judged("t1", True)])
    later = timezone.now()
    assert refresh_quality(now=later).changed
    assert not refresh_quality(now=later).changed
    assert QualityState.objects.get().version == 1
    assert now < later
    assert quality.qualities("code")[MINI].n == 1
    tell(agent, [judged("t2", False)])
    refresh_quality(now=later)
    assert quality.qualities("code")[MINI].n == 1, "remembered for some seconds"
    quality.forget()
    assert quality.qualities("code")[MINI].n == 2


@pytest.mark.parametrize("names", [{"task_id": "t1"}, {"task_id": None, "conversation_id": "t1"}])
def test_a_model_that_was_left_is_not_credited_with_what_another_achieved(
    agent: HeldKey, names: dict[str, Any]
) -> None:
    """A call that names no task is one of its conversation."""
    at = timezone.now().replace(microsecond=0)
    moments = [(at - timedelta(seconds=s)).isoformat() for s in (60, 30)]
    calls = [used(model, "t1", occurred_at=moment) for model, moment in zip((MINI, SONNET), moments, strict=True)]
    posted(agent, [call(**(one | names)) for one in calls])
    tell(agent, [judged("t1", True)])
    refresh_quality(now=timezone.now())
    assert row(SONNET).mean == pytest.approx(Decimal(2) / 3, abs=Decimal("0.001"))
    assert float(row(SONNET).n_eff) == pytest.approx(1, abs=0.001)
    left = row(MINI)
    assert left.n == 1
    assert float(left.n_eff) == pytest.approx(0.3, abs=0.001)
    assert left.mean is not None
    assert left.mean < 0.5


def test_calls_for_other_purposes_within_a_task_are_not_judged(agent: HeldKey) -> None:
    before = (timezone.now() - timedelta(seconds=30)).isoformat()
    rename = call(task_id="t1", task_type="rename_chat", role="utility")
    posted(agent, [used(SONNET, "t1", occurred_at=before), rename])
    tell(agent, [judged("t1", False)])
    refresh_quality(now=timezone.now())
    assert row(SONNET).n == 1
    assert row(MINI, "rename_chat").mean is None, "it was used and nothing was judged"
    assert row(MINI, "rename_chat").calls == 1


def test_errors_are_counted_beside_quality(agent: HeldKey) -> None:
    posted(agent, [used(MINI, "t1"), used(MINI, "t2", status="error", error_type="rate_limited")])
    refresh_quality(now=timezone.now())
    assert (row(MINI).calls, row(MINI).error_calls, row(MINI).mean) == (2, 1, None)
    assert (row(MINI, "").calls, row(MINI, "").error_calls) == (2, 1)
    assert quality.quality_of(MINI, "code") is None


def test_weak_sources_count_less_and_demo_data_not_at_all(agent: HeldKey) -> None:
    posted(agent, [used(MINI, "t1"), used(MINI, "t2", project="toys")])
    tell(agent, [judged("t1", True, "agent"), judged("t2", False, project="toys")])
    Project.objects.filter(name="toys").update(is_demo=True)
    refresh_quality(now=timezone.now())
    assert float(row(MINI).n_eff) == pytest.approx(0.4, abs=0.001)
    assert row(MINI).n == 1


def test_a_task_without_records_left_counts_for_the_model_it_began_with(agent: HeldKey) -> None:
    posted(agent, [used(MINI, "t1")])
    tell(agent, [judged("t1", True)])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM costs_usagerecord")
    refresh_quality(now=timezone.now())
    assert row(MINI).n == 1


def test_a_decision_stands_on_the_quality_at_its_kind_of_task(make_held_key: Any) -> None:
    acts.published(acts.document())
    key: HeldKey = make_held_key(Scope.ROUTING_USE, Scope.USAGE_WRITE)
    posted(key, [used(acts.MINI, f"t{n}") for n in range(30)])
    tell(key, [judged(f"t{n}", n != 0) for n in range(30)])
    refresh_quality(now=timezone.now())
    told = {kind: _asked(key, kind) for kind in ("code", "chat")}
    assert (told["code"]["n"], told["chat"]["n"]) == (30, 0)
    assert told["code"]["quality"] == pytest.approx((1 + 29) / (2 + 30), abs=0.001)
    assert told["code"]["quality_lower"] < told["code"]["quality"]
    assert told["chat"]["quality"] is None


def _asked(key: HeldKey, task_type: str) -> dict[str, Any]:
    question = {"message": "thanks", "input_tokens": 1000, "expected_output_tokens": 100, "task_type": task_type}
    answer = key.client.post("/api/routing/decisions", question, content_type=JSON)
    assert answer.status_code == 201, answer.content
    told: dict[str, Any] = answer.json()
    assert told["model"]["name"] == acts.MINI[1]
    expected: dict[str, Any] = told["expected"]
    return expected
