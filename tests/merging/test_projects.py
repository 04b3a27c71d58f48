"""A project that is merged into another reads as it, everywhere, and goes on being written where its ids are unique."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import ALL_SCOPES, Caller, Role, Scope
from apps.access.models import Agent, AuditEntry, FormerAgentName, Project, ProjectMerge, User
from apps.access.services import places
from apps.access.services.people import Standing, invite
from apps.access.services.project_merges import merge_project
from apps.access.services.renames import rename_agent, rename_project
from apps.budgets.domain.states import BudgetRefused
from apps.budgets.models import Alert, Budget, Counter, Reservation
from apps.budgets.services import proving
from apps.budgets.services.merging import SETTLES_AFTER, settle_merges
from apps.budgets.services.reserving import reserve
from apps.costs.models import TaskTotal, UsageRecord
from apps.costs.selectors import metrics
from apps.costs.selectors.conversations import conversation_page
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.records import usage_page
from apps.costs.services.ingest import record_usage
from apps.costs.services.outcomes.recording import record_outcomes
from apps.routing.selectors.config import config_for
from controlplane.merging.preview import preview
from tests.budgets.acts import OWNER, REPORTER, assert_ledger_balances, facts, make_budget, spend, state
from tests.cast import HeldKey, make_person
from tests.costs.posting import call
from tests.merging.acts import MergeProjects, agent, merger, project, project_merger
from tests.routing import acts as routing

pytestmark = pytest.mark.django_db
LATER = SETTLES_AFTER * 2


@pytest.fixture
def merge(django_capture_on_commit_callbacks: Callable[..., Any]) -> MergeProjects:
    return project_merger(django_capture_on_commit_callbacks)


def now() -> datetime:
    return datetime.now(UTC)


def cost(by: str = "project", **only: str) -> dict[str, Decimal]:
    """What each of a dimension cost, of all or of what the filters leave."""
    filters = {name: (value,) for name, value in only.items()}
    query = UsageQuery(now() - timedelta(days=40), now() + timedelta(hours=1), filters=filters)
    return {row.values[0]: row.totals.cost_usd for row in metrics.grouped(query, [by], edges=())}


def test_one_name_and_one_history(merge: MergeProjects) -> None:
    sent = call(id="one", agent="coder", cost_usd="3", occurred_at=(now() - timedelta(hours=1)).isoformat())
    record_usage([sent | {"project": "help_desk"}], caller=REPORTER, now=now())
    spend("4", project="helpdesk", agent="writer")
    spend("5", project="other")
    merge("help_desk", "helpdesk")
    spend("0.5", project="help_desk", agent="new")
    spend("0.25", project="helpdesk", agent="new")
    assert cost() == {"helpdesk": Decimal("7.75"), "other": 5}
    for name in ("help_desk", "helpdesk"):
        assert cost(project=name) == {"helpdesk": Decimal("7.75")}
    assert cost("agent", project="helpdesk") == {"coder": 3, "writer": 4, "new": Decimal("0.75")}
    assert list(Project.objects.standing().order_by("name").values_list("name", flat=True)) == ["helpdesk", "other"]
    assert Agent.objects.filter(name="new").count() == 1
    for name, status in (("help_desk", "duplicate"), ("helpdesk", "accepted"), ("helpdesk", "duplicate")):
        # What was sent under the old name is known under it for ever; under the other name an id is another call.
        told = record_usage([sent | {"project": name}], caller=REPORTER, now=now())
        assert told.count(status) == 1, (name, told.outcomes)
    query = UsageQuery(now() - timedelta(days=1), now(), filters={"project": ("helpdesk",)})
    page = usage_page(query, limit=1)
    found = [*page.records]
    while page.has_older and len(found) < 9:
        last = found[-1]
        page = usage_page(query, limit=1, older_than=(last["occurred_at"], last["id"], last["sent_project"]))
        found += page.records
    assert len(found) == 5, "two calls of one id and one moment are two in a list"
    assert sorted(one["sent_project"] for one in found if one["id"] == "one") == ["help_desk", "helpdesk"]
    (entry,) = AuditEntry.objects.filter(action="project.merged")
    assert (entry.before, entry.actor, entry.project_id) == ({"name": "help_desk"}, OWNER.actor, project("helpdesk").pk)


def test_a_chain_of_merges_and_renames(merge: MergeProjects) -> None:
    for name in ("a", "b", "c"):
        spend("1", project=name)
    merge("a", "b")
    merge("b", "c")
    rename_project(caller=OWNER, project_id=project("c").pk, name="d")
    for number, name in enumerate(("a", "b", "c", "d"), 4):
        spend("1", project=name)
        assert cost(project=name) == cost() == {"d": number}
    assert set(ProjectMerge.objects.values_list("name", "into__name")) == {("a", "d"), ("b", "d")}
    assert project("d").called_before == ["a", "b", "c"]
    with pytest.raises(Conflict) as refusal:
        rename_project(caller=OWNER, project_id=project("d").pk, name="a")
    assert refusal.value.code == "merged_name", "ids sent as a are told apart by that name"
    with pytest.raises(Conflict):
        rename_project(caller=OWNER, project_id=places.ensure_projects(["e"])["e"], name="a")


def test_default_goes_on_under_another_name(merge: MergeProjects) -> None:
    spend("1")
    spend("2", project="main")
    merge("default", "main")
    spend("4")
    spend("8", project="default")
    assert cost() == {"main": 15}


def test_what_cannot_be_merged(merge: MergeProjects) -> None:
    for name in ("a", "b"):
        spend("1", project=name)
    places.ensure_projects(["demo"])
    Project.objects.filter(name="demo").update(is_demo=True)
    one, other, demo = project("a").pk, project("b").pk, project("demo").pk
    for pair, code in (((one, one), "same_project"), ((one, 0), "unknown_project"), ((one, demo), "demo"),
                       ((demo, one), "demo")):  # fmt: skip
        with pytest.raises(Refused) as refusal:
            merge_project(caller=OWNER, project_id=pair[0], into_id=pair[1])
        assert refusal.value.code == code
    merge("a", "b")
    assert merge_project(caller=OWNER, project_id=one, into_id=other).name == "a", "the same again changes nothing"
    with pytest.raises(Refused) as refusal:
        merge_project(caller=OWNER, project_id=other, into_id=one)
    assert refusal.value.code == "unknown_project"
    assert AuditEntry.objects.filter(action="project.merged").count() == 1


def test_agents_of_one_name_are_one(
    merge: MergeProjects, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    join = merger(django_capture_on_commit_callbacks)
    for name in ("bot", "Bot", "only", "x"):
        spend("1", project="a", agent=name)
    for name in ("bot", "planner", "y"):
        spend("2", project="b", agent=name)
    join("Bot", "bot", "a")
    rename_agent(caller=OWNER, agent_id=agent("x", "a").pk, name="planner-of-a")
    rename_agent(caller=OWNER, agent_id=agent("y", "b").pk, name="x-of-b")
    rename_agent(caller=OWNER, agent_id=agent("x-of-b", "b").pk, name="only-of-b")
    FormerAgentName.objects.create(project=project("b"), name="x", agent=agent("only-of-b", "b"))
    merge("a", "b")
    assert cost("agent") == {"bot": 4, "only": 1, "planner-of-a": 1, "planner": 2, "only-of-b": 2}
    assert sorted(Agent.objects.standing().values_list("name", flat=True)) == [
        "bot", "only", "only-of-b", "planner", "planner-of-a",
    ]  # fmt: skip
    assert set(Agent.objects.values_list("project__name", flat=True)) == {"b"}
    for name in ("a", "b"):
        spend("10", project=name, agent="Bot")
        spend("10", project=name, agent="x")
    # What both had before is what it was in the project that stays.
    assert cost("agent") == {"bot": 24, "only": 1, "planner-of-a": 1, "planner": 2, "only-of-b": 22}
    looked = preview(caller=OWNER, agent_id=agent("bot", "b").pk, into_id=agent("only", "b").pk)
    assert (looked.agent.totals.cost_usd, looked.into.totals.cost_usd) == (Decimal(24), Decimal(1))
    rename_agent(caller=OWNER, agent_id=agent("bot", "b").pk, name="robot")
    join("only", "robot", "b")
    assert cost("agent")["robot"] == 25
    (entry,) = AuditEntry.objects.filter(action="project.merged")
    assert entry.after
    assert entry.after["dropped_agent_names"] == ["x means only-of-b then, and no more planner-of-a"]


def test_counters_become_one(merge: MergeProjects) -> None:
    each = make_budget("10", name="Each", each="project", period="once")
    agents = make_budget("10", name="Agents", each="agent", period="once")
    calls = make_budget("1", name="Calls", each="project", period="once", limit_usd=None, limit_calls=100)
    for name in ("a", "b"):
        places.ensure_projects([name])
    new = make_budget("10", name="New", scope={"project": "b"}, period="once")
    old = make_budget("10", name="Old", scope={"project": "a"}, period="day")
    inside = make_budget("10", name="Inside", scope={"project": "a"}, each="agent", period="once")
    rolling = make_budget("10", name="Rolling", each="project", period="rolling", rolling_days=7)
    spend("3", project="a", conversation_id="c")
    spend("4.5", project="b", conversation_id="c")
    spend("1", project="a", at=now() - timedelta(days=1))
    reserve(facts=facts(project="a"), amount_usd=Decimal("0.25"), id="held")
    merge("a", "b")
    assert Budget.objects.filter(project=project("b")).count() == 3
    for name in ("a", "b"):
        known: dict[str, Any] = {"project": name}
        stand = [state(budget, **known) for budget in (each, agents, new, inside, rolling)]
        assert {one.spent for one in stand} == {Decimal("8.5")}, [one.spent for one in stand]
        assert {one.reserved for one in stand if one.name in ("Each", "Agents")} == {Decimal("0.25")}
        assert state(calls, **known).spent == 3
        assert state(old, **known).spent == sum(_today(), Decimal(0))
        with pytest.raises(BudgetRefused):
            reserve(facts=facts(project=name), amount_usd=Decimal("1.5"))
    assert {one.label for one in Counter.objects.filter(budget=each).exclude(spent=0)} == {"b"}
    spend("0.2", project="a", reservation_id="held")
    assert Reservation.objects.get(public_id="held").settled == Decimal("0.2")
    assert [state(budget, project="b").reserved for budget in (each, agents, calls)] == [0, 0, 0]
    assert state(each, project="b").spent == Decimal("8.7")
    assert_ledger_balances()
    for moment in (now(), now() + LATER):
        settle_merges(now=moment)
        assert_ledger_balances()
        assert proving.prove_books(now=now()).is_balanced
    assert ProjectMerge.objects.get().settled_at is not None
    gone = str(ProjectMerge.objects.get().project_id)
    assert not Counter.objects.filter(each_value=gone).exists()
    assert not Counter.objects.filter(each_value__startswith=f"{gone}:").exists()


def _today() -> list[Decimal]:
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    query = UsageQuery(midnight, now() + timedelta(hours=1))
    return [row.totals.cost_usd for row in metrics.grouped(query, [], edges=())]


def test_alerts_go_on_and_say_why(merge: MergeProjects) -> None:
    budget = make_budget("10", each="project", period="once")
    spend("8", project="a")
    spend("4", project="b")
    assert [alert.subject for alert in Alert.objects.all()] == [f"{budget.pk}:{project('a').pk}"]
    merge("a", "b")
    settle_merges(now=now())
    assert {alert.subject for alert in Alert.objects.open()} == {f"{budget.pk}:{project('b').pk}"}
    assert Alert.objects.count() == 2
    told = [dict(alert.facts).get("Because") for alert in Alert.objects.all()]
    assert [one for one in told if one] == ["the project a was merged into b"]


def test_conversations_of_one_id_are_two_and_each_is_found(merge: MergeProjects, alice: User) -> None:
    """Their counters too: nothing was ever one conversation that was sent under two names."""
    budget = make_budget("10", each="conversation", period="conversation")
    for name, usd in (("a", "3"), ("b", "4")):
        spend(usd, project=name, conversation_id="c", id=f"call-{name}", task_id="t")
    merge("a", "b")
    spend("1", project="a", conversation_id="c")
    listed = conversation_page(UsageQuery(now() - timedelta(days=1), now(), filters={"project": ("b",)}), limit=9)
    told = {one.sent_project: one.cost_usd for one in listed.conversations}
    assert told == {"a": 4, "b": 4}
    assert {one.project for one in listed.conversations} == {"b"}
    assert [state(budget, project=name, conversation="c").spent for name in ("a", "b")] == [4, 4]
    browser = Client()
    browser.force_login(alice)
    for name, other in (("a", "b"), ("b", "a")):
        answer = browser.get(f"/api/conversations/c?project={name}").json()
        assert (answer["project"], answer["sent_project"]) == ("b", name)
        assert browser.get(f"/c/{name}/c").status_code == 200
        assert browser.get(f"/api/usage/call-{other}?project={name}").json()["sent_project"] == other
        judged = {"project": name, "id": "c", "task": "t", "success": "yes" if name == "a" else "no"}
        assert browser.post("/c/judge", judged).status_code == 303
    rows = TaskTotal.objects.filter(task_id="t").order_by("project_id").values_list("success", flat=True)
    assert list(rows) == [True, False], "each is judged by itself"


def test_what_was_begun_under_one_name_is_ended_under_the_other(merge: MergeProjects) -> None:
    """Agents are told the new name one after the other, in the middle of what they do."""
    budget = make_budget("10", each="project", period="once")
    for name in ("a", "b"):
        spend("1", project=name, task_id=f"t-{name}", id=f"call-{name}", decision_id=f"d-{name}")
        reserve(facts=facts(project=name), amount_usd=Decimal("2"), id=f"held-{name}")
        reserve(facts=facts(project=name), amount_usd=Decimal("0.5"), id="held-both")
    merge("a", "b")
    for name, other in (("a", "b"), ("b", "a")):
        for target in ({"task_id": f"t-{other}"}, {"usage_id": f"call-{other}"}, {"decision_id": f"d-{other}"}):
            told = target | {"id": f"{name}-{next(iter(target))}", "project": name, "success": True, "source": "judge"}
            for status in ("accepted", "duplicate"):
                assert record_outcomes([told], caller=REPORTER, now=now()).count(status) == 1, told
        made = reserve(
            facts=facts(project=name), amount_usd=Decimal("0.5"), id=f"kid-{name}", parent_id=f"held-{other}"
        )
        assert made.is_new
        final: dict[str, Any] = {"reservation_final": True, "project": name}
        spend("0.25", reservation_id=f"held-{other}", id=f"end-{name}", **final)
        spend("0.1", reservation_id="held-both", id=f"both-{name}", **final)
    assert set(TaskTotal.objects.values_list("task_id", "success")) == {("t-a", True), ("t-b", True)}
    assert TaskTotal.objects.count() == 2
    stood = Reservation.objects.order_by("id").values_list("public_id", "state", "settled")
    ended = {(name, state, settled) for name, state, settled in stood if not name.startswith("kid")}
    assert ended == {("held-a", 1, Decimal("0.25")), ("held-b", 1, Decimal("0.25")), ("held-both", 1, Decimal("0.1"))}
    # What was drawn from the two is open still.
    assert (state(budget, project="a").spent, state(budget, project="a").reserved) == (Decimal("2.7"), Decimal(1))
    assert_ledger_balances()


def test_rules_and_switches_hold_for_either_name(merge: MergeProjects) -> None:
    for name in ("a", "b"):
        spend("1", project=name)
    routing.published(routing.document(off={"projects": ["a"], "agents": []}))
    assert [b'"model_routing_enabled":false' in _config(name) for name in ("a", "b")] == [True, False]
    merge("a", "b")
    places.version()
    assert [b'"model_routing_enabled":false' in _config(name) for name in ("a", "b")] == [True, True]


def _config(name: str) -> bytes:
    return config_for(name, "coder", now=now()).told


@pytest.mark.parametrize(("sight", "sees"), [("give", {"a", "b"}), ("take", set())])
def test_who_sees_what(
    sight: Any, sees: set[str], merge: MergeProjects, alice: User, make_held_key: Callable[..., HeldKey]
) -> None:
    for name in ("a", "b", "c"):
        spend("1", project=name, agent=f"of-{name}")
    make_budget("10", name="of a", scope={"project": "a"})
    of = {name: project(name) for name in ("a", "b", "c")}
    people = {names: make_person(f"{names}@example.org", Role.ADMIN, *(of[one] for one in names))
              for names in ("a", "b", "c", "ab", "ac")}  # fmt: skip
    standing = Standing(Role.ANALYST, frozenset({of["a"].pk}))
    invited = invite(caller=alice.caller(), email="new@example.org", standing=standing)
    keys = {name: make_held_key(*Scope, project_id=of[name].pk) for name in ("a", "b", "c")}
    reader = make_held_key(Scope.METRICS_READ, project_id=of["a"].pk)
    with pytest.raises(Refused) as refusal:
        merge("a", "b")
    assert refusal.value.code == "required"
    admin = Caller("person", "bob", None, None, ALL_SCOPES, Role.ADMIN, None)
    with pytest.raises(NotAllowed) as denial:
        merge_project(caller=admin, project_id=of["a"].pk, into_id=of["b"].pk, sight=sight)
    assert denial.value.code == "owners_only"
    merge("a", "b", sight)
    whole = {"of-a", "of-b"}
    expected = {"a": whole if sees else set(), "b": whole, "c": {"of-c"}, "ab": whole,
                "ac": {"of-c"} | (whole if sees else set())}  # fmt: skip
    assert {names: _seen(_browser(person)) for names, person in people.items()} == expected
    assert set(invited.invitation.projects.values_list("name", flat=True)) == ({"b"} if sees else set())
    assert {name: _seen(held.client) for name, held in keys.items() if name != "a"} == {"b": whole, "c": {"of-c"}}
    answer = keys["a"].client.get("/api/metrics/cost?group_by=agent")
    assert answer.status_code == (200 if sees else 403)
    assert (reader.client.get("/api/metrics/cost").status_code == 200) is bool(sees)
    for number, (name, status) in enumerate((("", 200), ("a", 200), ("b", 200), ("c", 422))):
        sent = {"id": f"sent-{number}", "provider": "openai", "model": "m", "input_tokens": 1, "output_tokens": 1}
        sent |= {"cost_usd": "1"} | ({"project": name} if name else {})
        assert keys["a"].client.post("/api/usage", sent, content_type="application/json").status_code == status, name
    row = UsageRecord.objects.get(usage_id="sent-0")
    assert row.project_id == of["a"].pk, "a bound key goes on where it wrote before"
    budgets = {one["name"] for one in _browser(people["b"]).get("/api/budgets").json()["results"]}
    assert budgets == {"of a"}
    entry = AuditEntry.objects.get(action="project.merged")
    assert entry.after
    assert entry.after["people"] == [people["a"].pk, people["ac"].pk]
    assert entry.after["revoked_keys"] == ([] if sees else [reader.key.pk])


def _browser(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def _seen(client: Client) -> set[str]:
    answer = client.get("/api/metrics/cost?group_by=agent").json()
    return {row["agent"] for row in answer["results"]}


def test_a_key_that_is_bound_to_it_does_not_merge_it_away(make_held_key: Callable[..., HeldKey]) -> None:
    for name in ("a", "b"):
        spend("1", project=name)
    held = make_held_key(Scope.ADMIN, project_id=project("a").pk)
    body = {"into": project("b").pk, "dry_run": True}
    answer = held.client.post(f"/api/projects/{project('a').pk}/merge", body, content_type="application/json")
    assert answer.status_code == 422, "it sees nothing but its own project"
    with pytest.raises(Conflict) as refusal:
        merge_project(
            caller=replace(OWNER, project_id=project("a").pk), project_id=project("a").pk, into_id=project("b").pk
        )
    assert refusal.value.code == "own_project"


def test_the_api_previews_and_merges_as_previewed(
    alice: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    places.ensure_projects(["a", "b"])
    make_budget("5", name="Tight", scope={"project": "b"})
    for name in ("a", "b"):
        spend("3", project=name, id="same", conversation_id="c")
    make_person("carol@example.org", Role.ANALYST, project("b"))
    browser = _browser(alice)
    path, body = f"/api/projects/{project('a').pk}/merge", {"into": project("b").pk}
    seen = browser.post(path, body | {"dry_run": True}, content_type="application/json").json()
    assert (seen["calls_in_both"], seen["conversations_in_both"], seen["agents_in_both"]) == (1, 1, ["coder"])
    assert seen["gaining"]["people_named"] == ["carol@example.org"]
    assert (seen["project"]["cost_usd"], seen["into"]["calls"], seen["can_be_undone"]) == ("3.00", 1, False)
    (tight,) = seen["budgets"]
    assert (tight["spent"], tight["after"], len(tight["reached"])) == ("3.00", "6.00", 2)
    assert browser.post(path, body, content_type="application/json").status_code == 422
    assert Project.objects.standing().count() == 2, "nothing was changed by looking"
    spend("0.01", project="a", agent="another")
    rename_project(caller=OWNER, project_id=project("a").pk, name="a2")
    wanted = body | {"fingerprint": seen["fingerprint"]}
    assert browser.post(path, wanted, content_type="application/json").status_code == 409
    seen = browser.post(path, body | {"dry_run": True}, content_type="application/json").json()
    wanted = body | {"fingerprint": seen["fingerprint"]}
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            answer = browser.post(path, wanted, content_type="application/json")
        assert answer.status_code == 200, answer.content
        assert (answer.json()["merge"]["name"], answer.json()["merge"]["state"]) == ("a2", "counting")
    assert browser.get(path).json()["into"] == "b"
    (listed,) = browser.get("/api/projects").json()["results"]
    assert (listed["name"], listed["former_names"]) == ("b", ["a", "a2"])
    assert "a, a2" in browser.get("/projects").content.decode()


def test_the_page_asks_who_sees_it_and_merges(alice: User, bob: User, merge: MergeProjects) -> None:
    for name in ("help_desk", "helpdesk", "other"):
        spend("1", project=name)
    make_person("carol@example.org", Role.ANALYST, project("help_desk"))
    browser, one, into = _browser(alice), project("help_desk"), project("helpdesk")
    assert f"/projects/{into.pk}/merge?into={one.pk}" in browser.get("/projects").content.decode()
    path = f"/projects/{one.pk}/merge"
    assert "Looks like the same" in browser.get(path).content.decode()
    shown = browser.get(f"{path}?into={into.pk}")
    text = shown.content.decode()
    assert "carol@example.org" in text
    assert 'name="sight"' in text
    body = {"into": into.pk, "fingerprint": shown.context["seen"].fingerprint}
    assert browser.post(path, body).status_code == 422
    text = _browser(bob).get(f"{path}?into={into.pk}").content.decode()
    assert "carol@example.org" not in text
    assert "owners alone decide" in text
    assert _browser(bob).post(path, body | {"sight": "give"}).status_code == 403
    answer = browser.post(path, body | {"sight": "give"})
    assert (answer.status_code, answer["Location"]) == (303, "/projects")
    assert cost() == {"helpdesk": 2, "other": 1}
