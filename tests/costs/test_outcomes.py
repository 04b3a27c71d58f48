"""Outcomes: what is taken and refused, what waits, and which of several says how a task went."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from apps.access.domain.identity import Scope
from apps.access.models import Project, User
from apps.costs import tasks
from apps.costs.models import Outcome, Sweep, TaskTotal
from apps.costs.services.outcomes.recording import record_outcomes
from tests.cast import HeldKey
from tests.costs.factories import NOW, REPORTER, make_usage, record
from tests.costs.posting import JSON, call, load_prices, posted
from tests.proofs.truth import differences

RANK = ("tests", "user", "judge", "agent")


def send(key: HeldKey, body: Any, query: str = "") -> Any:
    if isinstance(body, list):
        body = {"outcomes": body}
    return key.client.post(f"/api/outcomes{query}", body, content_type=JSON)


def sent(key: HeldKey, body: Any, query: str = "") -> dict[str, Any]:
    answer = send(key, body, query)
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def outcome(**fields: Any) -> dict[str, Any]:
    usual = {"task_id": "t1", "success": True, "source": "tests"}
    return {name: value for name, value in (usual | fields).items() if value is not None}


def verdict(task: str = "t1") -> tuple[bool | None, Decimal | None]:
    row = TaskTotal.objects.get(task_id=task)
    return row.success, row.quality


def test_it_works(writer: HeldKey) -> None:
    load_prices()
    posted(writer, call(conversation_id="t1"))
    told = sent(writer, outcome(conversation_id="t1", task_id=None, quality=0.7))
    assert told == {"accepted": 1, "duplicates": 0, "conflicts": 0, "rejected": 0, "waiting": 0, "results": []}
    assert verdict() == (True, Decimal("0.7"))


def test_the_same_again_is_a_duplicate_and_another_body_a_conflict(writer: HeldKey) -> None:
    told = sent(writer, [outcome(id="a"), outcome(id="a"), outcome(id="a", success=False)], "?results=all")
    assert [one["status"] for one in told["results"]] == ["accepted", "duplicate", "conflict"]
    assert sent(writer, outcome(id="a"))["duplicates"] == 1
    assert send(writer, outcome(id="a", note="other")).status_code == 409
    assert verdict() == (True, None)


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"task_id": None}, "task_id", "target"),
        ({"task_id": ""}, "task_id", "target"),
        ({"conversation_id": "c"}, "conversation_id", "target"),
        ({"success": None}, "success", "missing"),
        ({"source": None}, "source", "missing"),
        ({"source": "hearsay"}, "source", "choice"),
        ({"quality": 1.5}, "quality", "out_of_range"),
        ({"success": "yes"}, "success", "type"),
        ({"note": "x" * 1001}, "note", "too_long"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at", "too_late"),
        ({"note": "a\0b"}, "", "nul"),
    ],
)
def test_what_is_refused(writer: HeldKey, fields: dict[str, Any], path: str, code: str) -> None:
    told = sent(writer, [outcome(**fields) if None not in fields.values() else _without(fields), outcome(id="good")])
    (refused,) = [one for one in told["results"] if one["status"] == "rejected"]
    assert (refused["errors"][0]["path"], refused["errors"][0]["code"]) == (path, code)
    assert told["accepted"] == 1


def _without(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in outcome().items() if name not in fields}


def test_alone_a_refusal_is_422_and_an_unknown_field_a_warning(writer: HeldKey) -> None:
    answer = send(writer, outcome(source="hearsay"))
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "source")
    (result,) = sent(writer, [outcome(mood="good")])["results"]
    assert result["warnings"][0]["path"] == "mood"


def test_a_bound_key_judges_only_its_own(
    make_held_key: Callable[..., HeldKey], writer: HeldKey, support: Project
) -> None:
    load_prices()
    posted(
        writer, [call(project="support", task_id="t1", agent="coder"), call(project="support", task_id="t2", agent="x")]
    )
    bound = make_held_key(Scope.USAGE_WRITE, project_id=support.pk)
    (result,) = sent(bound, [outcome(project="sales")])["results"]
    assert result["errors"][0]["code"] == "forbidden_project"
    agent = support.agents.get(name="coder")
    spokesman = make_held_key(Scope.USAGE_WRITE, project_id=support.pk, agent_id=agent.pk)
    told = sent(spokesman, [outcome(), outcome(task_id="t2")])
    assert [one["errors"][0]["code"] for one in told["results"]] == ["forbidden_agent"]
    assert (verdict()[0], verdict("t2")[0]) == (True, None)


def test_people_judge_what_they_see(carol: User, support: Project, sales: Project) -> None:
    items = [outcome(project="support", source="user"), outcome(project="sales", source="user")]
    told = record_outcomes(items, caller=carol.caller(), now=NOW).told
    assert [one.status for one in told] == ["accepted", "rejected"]
    assert told[1].errors[0].code == "unknown_project"
    assert Outcome.objects.get().user_id == carol.pk


def test_an_outcome_before_its_task_waits_for_it(writer: HeldKey) -> None:
    load_prices()
    told = sent(writer, outcome())
    assert told["waiting"] == 1
    assert told["results"][0]["waiting"]
    posted(writer, call(task_id="t1"))
    row = TaskTotal.objects.get()
    assert (row.success, row.calls, row.first_at is None) == (True, 1, False)


@pytest.mark.parametrize("target", ["usage_id", "decision_id"])
def test_an_outcome_before_its_call_or_decision_is_settled_by_the_sweep(writer: HeldKey, target: str) -> None:
    load_prices()
    assert sent(writer, outcome(task_id=None, **{target: "x"}))["waiting"] == 1
    posted(writer, call(id="x", decision_id="x", conversation_id="talk"))
    assert TaskTotal.objects.get().success is None
    tasks.settle_outcomes()
    assert verdict("talk")[0] is True
    assert Sweep.objects.get(name="settle-outcomes").words.startswith("1 outcome settled")
    assert sent(writer, outcome(task_id=None, success=False, **{target: "x"}))["waiting"] == 0
    assert verdict("talk")[0] is False


def test_what_waited_too_long_is_forgotten(writer: HeldKey, settings: Settings) -> None:
    sent(writer, [outcome(), outcome(task_id=None, usage_id="x"), outcome(task_id="judged-lately")])
    with connection.cursor() as cursor:
        old = timezone.now() - timedelta(days=settings.OUTCOME_WAIT_DAYS, minutes=1)
        cursor.execute(
            "UPDATE costs_outcome SET received_at = %s WHERE task_id IS DISTINCT FROM 'judged-lately'", [old]
        )
        cursor.execute("UPDATE costs_tasktotal SET last_at = %s", [old])
    tasks.settle_outcomes()
    assert [row.task_id for row in TaskTotal.objects.all()] == ["judged-lately"]
    assert Outcome.objects.get().task_id == "judged-lately"


def test_success_and_quality_of_a_record_are_an_outcome_of_the_agent(writer: HeldKey) -> None:
    load_prices()
    posted(writer, [call(id="a", task_id="t1", success=False, quality=0.25), call(id="b", success=True)])
    assert verdict() == (False, Decimal("0.25"))
    assert Outcome.objects.get(outcome_id="b").task_id is None
    sent(writer, outcome(id="a", source="judge", success=True))
    assert verdict() == (True, Decimal("0.25"))


def test_any_order_gives_the_same_verdict(db: None) -> None:
    """The oracle is the rule itself, in Python: tests > user > judge > agent, the newest within one."""
    for seed in range(12):
        dice = random.Random(seed)
        found = [_any_outcome(dice, f"{seed}-{number}") for number in range(dice.randrange(1, 9))]
        for shuffle in range(3):
            dice.shuffle(found)
            task = f"task-{seed}-{shuffle}"
            items = [{**one, "task_id": task, "id": f"{one['id']}-{shuffle}"} for one in found]
            cut = dice.randrange(len(items))
            record_outcomes(items[:cut] or items, caller=REPORTER, now=NOW)
            record_outcomes(items, caller=REPORTER, now=NOW)
            quality = _rule(found, "quality")
            assert verdict(task) == (_rule(found, "success"), None if quality is None else Decimal(str(quality)))


def _any_outcome(dice: random.Random, identity: str) -> dict[str, Any]:
    moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(3))
    said = {"success": dice.choice((True, False, None)), "quality": dice.choice((None, 0.5, 0.125))}
    said = {name: value for name, value in said.items() if value is not None} or {"success": True}
    return {"id": identity, "source": dice.choice(RANK), "occurred_at": moment.isoformat(), **said}


def _rule(found: Sequence[dict[str, Any]], what: str) -> Any:
    saying = [one for one in found if what in one]
    best = min((RANK.index(one["source"]) for one in saying), default=None)
    if best is None:
        return None
    return max((one for one in saying if one["source"] == RANK[best]), key=lambda one: (one["occurred_at"], one["id"]))[
        what
    ]


def test_a_task_lies_where_its_first_call_lies_whatever_comes_first(db: None) -> None:
    usages = [
        make_usage(NOW - timedelta(minutes=5), id="tool", task_id="t", operation="execute_tool", tool="sh", model=None),
        make_usage(NOW - timedelta(minutes=3), id="b", task_id="t", model="late"),
        make_usage(NOW - timedelta(minutes=4), id="a", task_id="t", model="early"),
        make_usage(NOW - timedelta(minutes=4), id="aa", task_id="t", model="same-time"),
    ]
    for number, order in enumerate(([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2])):
        for position in order:
            record({**usages[position], "project": f"p{number}"})
    rows = list(TaskTotal.objects.all())
    assert {(row.first_id, row.calls, row.tool_executions, row.cost_usd) for row in rows} == {
        ("a", 3, 1, Decimal("0.0112"))
    }
    with connection.cursor() as cursor:
        assert differences(cursor) == []
