"""Conversations: the list and its cursor, one with its tools and repeats, what people say of it, who sees what."""

import csv
import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from apps.access.domain.identity import Scope
from apps.access.models import AuditEntry, Project, User
from apps.costs.domain.repeats import Attempt, repeats
from apps.costs.models import TaskTotal
from apps.routing.models import Decision
from controlplane.conversations.links import conversation_url
from controlplane.saved.kinds import seen
from tests.budgets.acts import make_budget
from tests.cast import HeldKey
from tests.usage import call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser(ann: User, signed_in: SignIn) -> Client:
    return signed_in(ann)


def text(page: bytes) -> str:
    """What a person reads."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.decode())).split())


def at(minute: int) -> datetime:
    return NOW - timedelta(hours=2) + timedelta(minutes=minute)


def a_conversation() -> None:
    """A call that fails, its retry, its failover; a tool with a call on its behalf; a call without a price."""
    usual: dict[str, Any] = {"conversation_id": "chat/1", "agent": "coder"}
    unpriced = call(at(9), **usual, id="u", model="nobody-sells-this")
    del unpriced["cost_usd"]
    report(
        [
            call(at(1), **usual, id="a", request_id="r", cost_usd="0.5", status="error", error_type="429"),
            call(at(2), **usual, id="b", request_id="r", attempt=2, cost_usd="0.25", status="error"),
            call(at(3), **usual, id="c", request_id="r", attempt=3, cost_usd="1", model="o3"),
            call(at(4), **usual, id="t", operation="execute_tool", tool="search", tool_call_id="k", cost_usd="0.125"),
            call(at(5), **usual, id="d", tool="search", tool_call_id="k", cost_usd="2", cache_read_input_tokens=600),
            call(at(6), **usual, id="e", tool="search", parent_id="t", cost_usd="4", usage_source="estimate"),
            call(at(7), **usual, id="f", tool="search", cost_usd="8"),
            unpriced,
        ],
        NOW,
    )


def test_the_list_is_by_cost_and_pages_add_up(browser: Client) -> None:
    report(
        [call(at(n % 60), conversation_id=f"chat {n:03}", cost_usd=f"{n % 7}.5", user=f"u{n % 2}") for n in range(120)],
        NOW,
    )
    address, seen = "/c", []
    while address:
        context = browser.get(address).context
        seen += [row["one"] for row in context["rows"]]
        address = context["more"]
    assert len({one.id for one in seen}) == 120
    assert [one.cost_usd for one in seen] == sorted((one.cost_usd for one in seen), reverse=True)
    lines = list(csv.DictReader(browser.get("/c.csv?user=u1").getvalue().decode().splitlines()))
    assert len(lines) == 60
    newest = browser.get("/c?sort=newest").context["rows"]
    assert newest[0]["one"].last_at == at(59)
    assert "No conversations" in text(browser.get("/c?period=yesterday").content)
    assert "Cannot sort by" in text(browser.get("/c?sort=size&outcome=odd&after=nonsense").content)


def test_one_is_told_step_by_step(browser: Client) -> None:
    a_conversation()
    response = browser.get("/c/default/chat/1")
    lines = response.context["lines"]
    assert [line.step.record["id"] for line in lines] == ["a", "b", "c", "t", "d", "e", "f", "u"]
    assert [line.running for line in lines][-2:] == ["$15.88", "$15.88"]
    # 0.125 itself, 2 by its tool call, 4 as its child; "f" names no execution
    assert lines[3].whole == Decimal("6.125")
    page = text(response.content)
    for words in (
        "429",
        "retry, attempt 2",
        "failover from gpt-4.1",
        "$6.13 with 2 calls on its behalf",
        "≈ marks token counts that are estimates",
        "unpriced",
        "search $14.13 1 $0.1250 $14.00 (3)",
        "Nobody has said how it went",
    ):
        assert words in page, words
    assert 'href="/c/default/chat/1">Its conversation' in browser.get(lines[0].url).content.decode()
    assert browser.get("/c/default/nothing").status_code == 404
    assert browser.get("/c/nowhere/chat/1").status_code == 404


@pytest.mark.parametrize("name", ["chat", "a/b", "..", "a//b", "/a", "ä ?#%2F&=+", "a/./b", "\\x"])
@pytest.mark.parametrize("project", ["default", "team/one"])
def test_any_name_has_a_page(browser: Client, project: str, name: str) -> None:
    report([call(NOW, conversation_id=name, project=project)], NOW)
    response = browser.get("/c?demo=1").context["rows"][0]
    assert browser.get(response["url"]).context["one"].id == name
    assert browser.get(conversation_url(project, name, page="1")).status_code == 200


def test_a_person_judges_and_takes_it_back(browser: Client, ann: User) -> None:
    a_conversation()
    here = {"project": "default", "id": "chat/1"}
    answer = browser.post("/c/judge", {**here, "success": "no", "quality": "82.5", "note": "wrong city"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.content.startswith(b'<section class="card" id="outcome">')
    assert "failed quality 82.5% by user" in text(answer.content)
    task = TaskTotal.objects.get(task_id="chat/1")
    assert (task.success, task.quality) == (False, Decimal("0.825"))
    assert browser.get("/c?outcome=failed").context["rows"][0]["one"].id == "chat/1"
    assert browser.get("/c?outcome=succeeded").context["rows"] == []
    own = answer.context["own"]
    assert (own.note, own.by) == ("wrong city", ann.email)
    gone = browser.post("/c/undo", {**here, "outcome": own.id})
    assert (gone.status_code, gone["Location"]) == (303, "/c/default/chat/1#outcome")
    task.refresh_from_db()
    assert (task.success, task.quality) == (None, None)
    before: Any = AuditEntry.objects.get(action="outcome.withdrawn").before
    assert before["note"] == "wrong city"
    browser.post("/c/undo", {**here, "outcome": own.id})
    assert AuditEntry.objects.filter(action="outcome.withdrawn").count() == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Say how it went"),
        ({"quality": "101"}, "0 to 100"),
        ({"quality": "NaN"}, "0 to 100"),
        ({"success": "yes", "task": "of another"}, "no such task"),
        ({"success": "yes", "note": "x" * 1001}, "note"),
    ],
)
def test_a_judgement_that_says_nothing_is_refused(browser: Client, form: dict[str, str], words: str) -> None:
    a_conversation()
    answer = browser.post("/c/judge", {"project": "default", "id": "chat/1", **form}, headers=HTMX)
    assert answer.status_code == 422
    assert words in text(answer.content)
    assert browser.post("/c/judge", {"project": "default", "id": "chat/1", **form}).status_code == 303
    assert TaskTotal.objects.get(task_id="chat/1").success is None


def test_a_conversation_of_several_tasks_is_judged_by_task(browser: Client) -> None:
    report([call(at(n), conversation_id="chat", task_id=f"task {n}") for n in range(2)], NOW)
    page = browser.get("/c/default/chat")
    assert [option.value for option in page.context["targets"]] == ["task 0", "task 1"]
    browser.post("/c/judge", {"project": "default", "id": "chat", "task": "task 1", "success": "yes"})
    assert TaskTotal.objects.get(task_id="task 1").success is True
    assert TaskTotal.objects.filter(task_id="chat").exists() is False


def test_nobody_undoes_what_others_said(browser: Client, signed_in: SignIn, bob: User) -> None:
    a_conversation()
    here = {"project": "default", "id": "chat/1"}
    said = signed_in(bob).post("/c/judge", {**here, "success": "yes"}, headers=HTMX).context["own"]
    browser.post("/c/undo", {**here, "outcome": said.id})
    assert TaskTotal.objects.get(task_id="chat/1").success is True


def test_limited_people_see_their_projects_alone(carol: User, support: Project, signed_in: SignIn) -> None:
    report([call(at(1), project=name, conversation_id=f"of {name}") for name in ("support", "x")], NOW)
    client = signed_in(carol)
    assert [row["one"].id for row in client.get("/c").context["rows"]] == ["of support"]
    assert client.get("/c/x/of x").status_code == 404
    assert client.post("/c/judge", {"project": "x", "id": "of x", "success": "yes"}).status_code == 404
    told = client.get("/api/conversations").json()["results"]
    assert [one["id"] for one in told] == ["of support"]
    assert client.get("/api/conversations/of x?project=x").status_code == 404


def test_the_api_tells_the_same(reader: HeldKey) -> None:
    a_conversation()
    report([call(at(3), conversation_id="cheap", cost_usd="0.1")], NOW)
    first = reader.client.get("/api/conversations?limit=1").json()
    assert [one["id"] for one in first["results"]] == ["chat/1"]
    assert first["results"][0]["cost_usd"] == "15.875"
    assert [one["id"] for one in reader.client.get(first["next"]).json()["results"]] == ["cheap"]
    one = reader.client.get("/api/conversations/chat/1").json()
    assert one["tools"][0] | {"cost_usd": "14.125", "calls": 3, "executions": 1} == one["tools"][0]
    assert [step["running_cost_usd"] for step in one["steps"]][:3] == ["0.50", "0.75", "1.75"]
    assert one["steps"][2]["repeats"] == {"kind": "failover", "id": "b", "model": "gpt-4.1", "provider": "openai"}
    rest = reader.client.get("/api/conversations/chat/1?limit=6").json()["next"]
    assert [step["id"] for step in reader.client.get(rest).json()["steps"]] == ["f", "u"]
    for wrong in ("sort=x", "limit=0", "cursor=x", "outcome=x"):
        assert reader.client.get(f"/api/conversations?{wrong}").status_code == 422


def test_a_bound_key_sees_what_its_agents_did_alone(make_held_key: Callable[..., HeldKey], support: Project) -> None:
    usual: dict[str, Any] = {"project": "support"}
    report(
        [
            call(at(1), **usual, conversation_id="own", agent="coder/sub"),
            call(at(1), **usual, conversation_id="shared", agent="coder"),
            call(at(2), **usual, conversation_id="shared", agent="other"),
        ],
        NOW,
    )
    agent = (
        support.agents.create(name="coder")
        if not support.agents.filter(name="coder")
        else support.agents.get(name="coder")
    )
    key = make_held_key(Scope.METRICS_READ, project_id=support.pk, agent_id=agent.pk)
    assert [one["id"] for one in key.client.get("/api/conversations").json()["results"]] == ["own"]
    assert key.client.get("/api/conversations/own").status_code == 200
    assert key.client.get("/api/conversations/shared").status_code == 404


def test_an_attempt_is_compared_with_the_one_before() -> None:
    made = [Attempt(id, "r", n, "p", model) for id, n, model in (("c", 4, "y"), ("a", 1, "x"), ("b", 2, "x"))]
    found = repeats([*made, Attempt("lonely", "q", 3, "p", "x")])
    assert {key: value.kind for key, value in found.items()} == {"b": "retry", "c": "failover", "lonely": ""}


def test_a_step_says_why_and_how_much_of_its_budget_is_used(browser: Client) -> None:
    report(
        [call(at(1), conversation_id="chat", decision_id="d", cost_usd="0.1"), call(at(2), conversation_id="chat")], NOW
    )
    make_budget("0.5", period="conversation", name="Chats")
    project = Project.objects.get(name="default")
    Decision.objects.create(
        project_id=project.pk, decision_id="d", fingerprint=UUID(int=1), conversation_id="chat", action="route",
        reason_code="x", policy_version=1, asked={}, answer={"reason": "The cheapest that is good enough."},
    )  # fmt: skip
    page = text(browser.get("/c/default/chat").content)
    assert "The cheapest that is good enough." in page
    assert "$0.1000 20.0%" in page
    assert "$0.1100 22.0%" in page
    assert "Budget Chats: " in page


def test_the_line_above_says_what_came_since(browser: Client) -> None:
    report([call(at(1), conversation_id="a"), call(at(2), conversation_id="b")], NOW)
    lines = [browser.get(path).context["more_url"] for path in ("/c", "/c/default/a", "/explore")]
    assert ["Show" in text(browser.get(line).content) for line in lines] == [False, False, False]
    report([call(at(3), conversation_id="a"), call(at(4), conversation_id="b")], NOW)
    assert [text(browser.get(line).content).partition("Show ")[2] for line in lines] == ["2 new", "1 new", "2 new"]
    assert browser.get("/c?user=ada").context["more_url"] == ""
    assert browser.get("/c/more?user=ada").status_code == 286
    assert browser.get("/explore/more?user=ada&agent=coder").status_code == 286
    assert browser.get("/c/default/a", headers=HTMX).content.startswith(b'<div id="view"')


def test_a_state_of_the_list_can_be_saved(browser: Client) -> None:
    known = seen("/c?outcome=failed&sort=newest&period=7d&agent=coder&x=1", ZoneInfo("UTC"))
    assert known is not None
    assert known.words == "Failed conversations, newest first, last 7 days; Agent: coder"
    assert known.state.url() == "/c?period=7d&agent=coder&outcome=failed&sort=newest"
    report([call(at(1), conversation_id="a")], NOW)
    assert "Save this view" in text(browser.get("/c").content)
