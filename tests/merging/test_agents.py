"""An agent that is merged into another reads as it, everywhere, from that moment on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from apps.access.domain.errors import NotAllowed, Refused
from apps.access.domain.identity import Scope
from apps.access.models import Agent, AgentMerge, ApiKey, AuditEntry, Project
from apps.access.selectors.callers import holder_of
from apps.access.services import merges, places
from apps.access.services.merges import merge_agent
from apps.access.services.places import ensure_agents
from apps.access.services.renames import rename_agent, rename_project
from apps.budgets.domain.scopes import Facts
from apps.budgets.domain.states import BudgetRefused
from apps.budgets.models import Alert, Counter, Reservation, UnpricedHold
from apps.budgets.services import merging, proving, recounting
from apps.budgets.services.facts import Told, facts_of
from apps.budgets.services.merging import SETTLES_AFTER, settle_merges
from apps.budgets.services.reserving import reserve
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import UsageQuery
from apps.routing.selectors.config import config_for
from apps.routing.selectors.in_force import in_force
from tests.budgets.acts import OWNER, assert_ledger_balances, facts, make_budget, spend, state
from tests.cast import HeldKey
from tests.merging.acts import Merge, agent, merger
from tests.routing import acts as routing

pytestmark = pytest.mark.django_db
LATER = SETTLES_AFTER * 2


@pytest.fixture
def merge(django_capture_on_commit_callbacks: Callable[..., Any]) -> Merge:
    return merger(django_capture_on_commit_callbacks)


def now() -> datetime:
    return datetime.now(UTC)


def cost(*names: str, project: str = "") -> dict[str, Decimal]:
    """What each agent cost, of all or of those of these names."""
    filters = ({"agent": names} if names else {}) | ({"project": (project,)} if project else {})
    query = UsageQuery(now() - timedelta(days=40), now() + timedelta(hours=1), filters=filters)
    return {row.values[0]: row.totals.cost_usd for row in metrics.grouped(query, ["agent"], edges=())}


def test_one_name_and_one_history(merge: Merge) -> None:
    spend("3", agent="support_bot")
    spend("4", agent="support-bot")
    spend("5", agent="other")
    merge("support_bot", "support-bot")
    spend("0.5", agent="support_bot")
    spend("0.25", agent="support-bot")
    assert cost() == {"support-bot": Decimal("7.75"), "other": 5}
    assert cost("support_bot") == cost("support-bot") == {"support-bot": Decimal("7.75")}
    assert sorted(Agent.objects.standing().values_list("name", flat=True)) == ["other", "support-bot"]
    places.look_again()
    project = Project.objects.get(name="default").pk
    ids = ensure_agents([(project, "support_bot"), (project, "support-bot")])
    assert set(ids.values()) == {agent("support-bot").pk}
    (entry,) = AuditEntry.objects.filter(action="agent.merged")
    assert (entry.before, entry.actor) == ({"name": "support_bot"}, OWNER.actor)


def test_a_chain_of_merges_and_a_rename_after_it(merge: Merge) -> None:
    for name in ("a", "b", "c"):
        spend("1", agent=name)
    merge("a", "b")
    merge("b", "c")
    rename_agent(caller=OWNER, agent_id=agent("c").pk, name="d")
    for number, name in enumerate(("a", "b", "c", "d"), 4):
        spend("1", agent=name)
        assert cost(name) == cost() == {"d": number}
    assert set(AgentMerge.objects.values_list("name", "into__name")) == {("a", "d"), ("b", "d")}
    # A name can be taken back; what was merged goes along.
    rename_agent(caller=OWNER, agent_id=agent("d").pk, name="a")
    spend("1", agent="b")
    assert cost() == {"a": 8}


def test_a_name_means_who_has_it_and_only_else_who_had_it(merge: Merge) -> None:
    """A row of a table leads to a filter by its name: both say the same, though elsewhere another had that name."""
    spend("3", agent="Bot")
    spend("4", agent="bot")
    spend("5", agent="Bot", project="elsewhere")
    merge("Bot", "bot")
    assert cost() == {"bot": 7, "Bot": 5}
    for name, told in cost().items():
        assert cost(name) == {name: told}
    assert cost("Bot", project="default") == {"bot": 7}
    assert cost("Bot", project="elsewhere") == {"Bot": 5}
    rename_agent(caller=OWNER, agent_id=agent("Bot", "elsewhere").pk, name="planner")
    assert cost("Bot") == {"bot": 7, "planner": 5}


def test_what_cannot_be_merged(merge: Merge) -> None:
    for name, project in (("a", "default"), ("b", "default"), ("a", "elsewhere")):
        spend("1", agent=name, project=project)
    one, other, far = agent("a").pk, agent("b").pk, agent("a", "elsewhere").pk
    for into, code in ((one, "same_agent"), (far, "other_project"), (0, "unknown_agent")):
        with pytest.raises(Refused) as refusal:
            merge_agent(caller=OWNER, agent_id=one, into_id=into)
        assert refusal.value.code == code
    merge("a", "b")
    assert merge_agent(caller=OWNER, agent_id=one, into_id=other).name == "a", "the same again changes nothing"
    with pytest.raises(Agent.DoesNotExist):
        merge_agent(caller=OWNER, agent_id=one, into_id=far)
    assert AuditEntry.objects.filter(action="agent.merged").count() == 1


def test_counters_become_one(merge: Merge) -> None:
    of_each = make_budget("10", name="Each", each="agent", period="once")
    calls = make_budget("1", name="Calls", each="agent", period="once", limit_usd=None, limit_calls=100)
    named = make_budget("10", name="Named", scope={"agent": "bot"}, period="once")
    old = make_budget("10", name="Old name", scope={"agent": "Bot"}, period="day")
    rolling = make_budget("10", name="Rolling", each="agent", period="rolling", rolling_days=7)
    spend("3", agent="Bot")
    spend("4.5", agent="bot")
    spend("1", agent="Bot", at=now() - timedelta(days=1))
    reserve(facts=facts(agent="Bot"), amount_usd=Decimal("0.25"), id="held")
    assert state(of_each, agent="bot").reserved == 0
    merge("Bot", "bot")
    for name in ("Bot", "bot"):
        stand = [state(budget, agent=name) for budget in (of_each, named, rolling)]
        assert {one.spent for one in stand} == {Decimal("8.5")}
        assert state(calls, agent=name).spent == 3
        assert state(of_each, agent=name).reserved == Decimal("0.25")
        with pytest.raises(BudgetRefused):
            reserve(facts=facts(agent=name), amount_usd=Decimal("1.5"))
    assert state(old, agent="bot").spent == sum(cost_today(), Decimal(0))
    (first,) = {one.label for one in Counter.objects.filter(budget=of_each).exclude(spent=0)}
    assert first == "bot"
    spend("0.2", agent="Bot", reservation_id="held")
    assert [state(budget, agent="bot").reserved for budget in (of_each, calls)] == [0, 0]
    assert state(of_each, agent="bot").spent == Decimal("8.7")
    assert_ledger_balances()
    for moment in (now(), now() + LATER):
        settle_merges(now=moment)
        assert_ledger_balances()
        assert proving.prove_books(now=now()).is_balanced
    assert AgentMerge.objects.get().settled_at is not None
    assert not Counter.objects.filter(each_value__endswith=":Bot").exists()


def cost_today() -> list[Decimal]:
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    query = UsageQuery(midnight, now() + timedelta(hours=1))
    return [row.totals.cost_usd for row in metrics.grouped(query, [], edges=())]


def test_a_name_that_is_taken_back_at_once_takes_the_counters_along(merge: Merge) -> None:
    """Those of the merged agent are empty, and still there for some minutes."""
    budget = make_budget("10", each="agent", period="once")
    spend("3", agent="Bot")
    spend("4", agent="bot")
    merge("Bot", "bot")
    rename_agent(caller=OWNER, agent_id=agent("bot").pk, name="Bot")
    for name in ("Bot", "bot"):
        assert state(budget, agent=name).spent == 7
    spend("1", agent="bot")
    assert state(budget, agent="Bot").spent == 8
    for moment in (now(), now() + LATER):
        settle_merges(now=moment)
        assert state(budget, agent="Bot").spent == 8
        assert proving.prove_books(now=now()).is_balanced
    assert_ledger_balances()


def test_alerts_of_the_present_period_say_why_and_none_is_raised_twice(merge: Merge) -> None:
    budget = make_budget("10", each="agent", period="once")
    spend("8", agent="Bot")
    spend("4", agent="bot")
    assert [alert.subject.rpartition(":")[2] for alert in Alert.objects.all()] == ["Bot"]
    merge("Bot", "bot")
    settle_merges(now=now())
    told = {alert.occurrence.partition(":")[2][-6:]: dict(alert.facts) for alert in Alert.objects.open()}
    assert {alert.subject for alert in Alert.objects.open()} == {f"{budget.pk}:{facts().project_id}:bot"}
    assert Alert.objects.count() == 2
    assert [one.get("Because") for one in told.values() if "Because" in one] == ["the agent Bot was merged into bot"]


def test_what_unpriced_calls_hold_goes_along(merge: Merge) -> None:
    routing.published()
    budget = make_budget("10", each="agent", period="once")
    tier = in_force().policy.tiers[0].name  # type: ignore[union-attr]
    spend("1", agent="bot")
    spend(None, agent="Bot", tier=tier)
    (hold,) = UnpricedHold.objects.all()
    assert hold.amount > 0
    merge("Bot", "bot")
    assert state(budget, agent="bot").reserved == hold.amount
    assert state(budget, agent="bot").unpriced_calls == 1
    assert_ledger_balances()


def test_a_key_bound_to_it_goes_by_either_name(merge: Merge, make_held_key: Callable[..., HeldKey]) -> None:
    spend("1", agent="Bot")
    spend("2", agent="bot")
    spend("4", agent="Bot/sub")
    held = make_held_key(Scope.USAGE_WRITE, Scope.METRICS_READ)
    ApiKey.objects.filter(id=held.key.pk).update(project=agent("Bot").project_id, agent=agent("Bot").pk)
    merge("Bot", "bot")
    caller = holder_of(bytes(ApiKey.objects.get(id=held.key.pk).digest)).caller  # type: ignore[union-attr]
    assert (caller.agent_name, caller.agent_names) == ("bot", ("bot", "Bot"))
    for name in ("Bot", "bot", "Bot/sub", "bot/sub"):
        assert caller.may_report_as(name)
    with pytest.raises(NotAllowed):
        facts_of(told=Told(agent="other"), caller=caller)
    sent = {"provider": "openai", "model": "m", "input_tokens": 1, "output_tokens": 1, "cost_usd": "0.5"}
    for name in ("", "Bot", "bot"):
        record = sent | ({"agent": name} if name else {})
        answer = held.client.post("/api/usage", record, content_type="application/json")
        assert answer.status_code == 200, answer.content
    assert cost() == {"bot": Decimal("4.5"), "Bot/sub": 4}
    told = held.client.get("/api/metrics/cost?group_by=agent").json()
    assert told["totals"]["cost_usd"] == "8.50"
    for name in ("Bot", "bot"):
        assert held.client.get(f"/api/metrics/cost?agent={name}").json()["totals"]["cost_usd"] == "4.50"


def test_a_key_bound_to_a_renamed_project_goes_by_either_name(make_held_key: Callable[..., HeldKey]) -> None:
    spend("1", agent="bot")
    project = Project.objects.get(name="default")
    held = make_held_key(Scope.USAGE_WRITE, Scope.ROUTING_USE)
    ApiKey.objects.filter(id=held.key.pk).update(project=project)
    rename_project(caller=OWNER, project_id=project.pk, name="helpdesk")
    sent = {"provider": "openai", "model": "m", "input_tokens": 1, "output_tokens": 1, "cost_usd": "0.5"}
    held_back = {"amount_usd": "0.01"}
    for name, status in (("default", 200), ("helpdesk", 200), ("other", 422)):
        answer = held.client.post(
            "/api/usage", sent | {"project": name, "agent": "bot"}, content_type="application/json"
        )
        assert answer.status_code == status, answer.content
        answer = held.client.post("/api/reservations", held_back | {"project": name}, content_type="application/json")
        assert answer.status_code == (201 if status == 200 else 403), answer.content
        told = {"task_id": "t", "project": name, "success": True, "source": "user"}
        answer = held.client.post("/api/outcomes", told, content_type="application/json")
        assert answer.status_code == status, answer.content
        asked = {"project": name, "message": "hello"}
        answer = held.client.post("/api/routing/decisions", asked, content_type="application/json")
        assert answer.status_code == (201 if status == 200 else 403), answer.content
    assert cost() == {"bot": 2}


def test_a_key_that_is_bound_to_it_does_not_merge_it_away(make_held_key: Callable[..., HeldKey]) -> None:
    for name in ("bot", "bot/sub"):
        spend("1", agent=name)
    held = make_held_key(Scope.ADMIN)
    ApiKey.objects.filter(id=held.key.pk).update(project=agent("bot").project_id, agent=agent("bot").pk)
    codes = {}
    for name, into in (("bot", "bot/sub"), ("bot/sub", "bot")):
        path, body = f"/api/agents/{agent(name).pk}/merge", {"into": agent(into).pk}
        seen = held.client.post(path, body | {"dry_run": True}, content_type="application/json").json()
        wanted = body | {"fingerprint": seen["fingerprint"]}
        codes[name] = held.client.post(path, wanted, content_type="application/json").status_code
    assert codes == {"bot": 409, "bot/sub": 200}
    assert cost() == {"bot": 2}


def test_what_holds_something_yet_stays_until_it_is_freed(merge: Merge) -> None:
    """A reservation that slipped in while counters were added up keeps that of the former name for as long."""
    budget = make_budget("10", each="agent", period="once")
    for name in ("Bot", "bot"):
        spend("1", agent=name)
    merge("Bot", "bot")
    old = Counter.objects.get(budget=budget, each_value__endswith=":Bot")
    held = reserve(facts=facts(agent="bot"), amount_usd=Decimal("0.5"), id="late")
    Reservation.objects.filter(public_id=held.id).update(counters=[old.pk])
    with connection.cursor() as cursor:
        for counter in Counter.objects.filter(budget=budget):
            amount = "0.5" if counter.pk == old.pk else "-0.5"
            cursor.execute(
                "UPDATE budgets_counter SET reserved = reserved + %s WHERE id = %s", [Decimal(amount), counter.pk]
            )
            cursor.execute(
                "INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls)"
                " VALUES (%s, 1, 0, %s, 0)",
                [counter.pk, Decimal(amount)],
            )
    settle_merges(now=now() + LATER)
    assert AgentMerge.objects.get().settled_at is None
    assert_ledger_balances()
    spend("0.25", agent="Bot", reservation_id="late")
    settle_merges(now=now() + LATER)
    assert AgentMerge.objects.get().settled_at is not None
    assert [one.spent for one in Counter.objects.filter(budget=budget)] == [Decimal("2.25")]
    assert_ledger_balances()


def test_the_policy_means_it_by_either_name(merge: Merge) -> None:
    rules = [{"when": {"agent": "bot"}, "tier": "premium"}]
    routing.published(routing.document(off={"agents": ["Bot"]}, rules=rules))
    for name in ("Bot", "bot", "other"):
        spend("1", agent=name)

    def is_on(name: str) -> bool:
        return b'"model_routing_enabled":true' in config_for("default", name, now=now()).told

    def tier(name: str) -> str | None:
        found = in_force()
        assert found is not None
        rule = found.called("default", name).policy.rule_for({"agent": name})
        return rule.tier if rule else None

    assert [is_on(name) for name in ("Bot", "bot", "other")] == [False, True, True]
    assert [tier(name) for name in ("Bot", "bot", "other")] == [None, "premium", None]
    merge("Bot", "bot")
    places.see_version(places._stored_version())
    assert [is_on(name) for name in ("Bot", "bot", "other")] == [False, False, True]
    assert [tier(name) for name in ("Bot", "bot", "other")] == ["premium", "premium", None]


@pytest.mark.parametrize("step", ["take_name", "audit.record", "agent_merged.send"])
def test_a_merge_that_breaks_off_has_done_nothing(merge: Merge, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    budget = make_budget("10", each="agent")
    spend("3", agent="Bot")
    spend("4", agent="bot")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"apps.access.services.merges.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            merge("Bot", "bot")
    assert cost() == {"Bot": 3, "bot": 4}
    assert [state(budget, agent=name).spent for name in ("Bot", "bot")] == [3, 4]
    assert not AgentMerge.objects.exists()
    merge("Bot", "bot")
    assert state(budget, agent="Bot").spent == 7


@pytest.mark.parametrize("step", ["_count_now", "_forget_counters", "recounting.recount", "bind_keys_again"])
def test_what_follows_may_break_off_anywhere(merge: Merge, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Even when nothing that follows the commit was done by the process that merged."""
    named = make_budget("10", name="Named", scope={"agent": "bot"})
    of_each = make_budget("10", each="agent")
    spend("3", agent="Bot")
    spend("4", agent="bot")
    merge_agent(caller=OWNER, agent_id=agent("Bot").pk, into_id=agent("bot").pk)
    whole = recounting.recount if "." in step else getattr(merging, step)
    for times in range(3):

        def breaks(*args: Any, left: list[int] = [times], **named: Any) -> Any:  # noqa: B006
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return whole(*args, **named)

        with monkeypatch.context() as patch:
            patch.setattr(f"apps.budgets.services.merging.{step}", breaks)
            try:
                settle_merges(now=now() + LATER)
            except KeyboardInterrupt:
                continue
    settle_merges(now=now())
    settle_merges(now=now() + LATER)
    assert AgentMerge.objects.get().settled_at is not None
    assert [state(budget, agent="Bot").spent for budget in (named, of_each)] == [7, 7]
    assert proving.prove_books(now=now()).is_balanced
    assert_ledger_balances()


@pytest.mark.django_db(transaction=True)
def test_agents_report_under_both_names_meanwhile() -> None:
    """Nothing is lost, nothing counted twice, nobody waits for ever; what old knowledge charged is put right."""
    of_each = make_budget("1000", each="agent", period="once")
    named = make_budget("1000", name="Named", scope={"agent": "bot"}, period="once")
    for name in ("Bot", "bot"):
        spend("1", agent=name)
    merging_now = [agent("Bot").pk, agent("bot").pk]

    def report(number: int) -> None:
        try:
            name = ("Bot", "bot")[number % 2]
            for turn in range(20):
                held = reserve(facts=told[name], amount_usd=Decimal("0.5"), id=f"r{number}-{turn}")
                spend("0.25", agent=name, id=f"u{number}-{turn}", reservation_id=held.id)
                if turn == 7 and number == 1:
                    merge_agent(caller=OWNER, agent_id=merging_now[0], into_id=merging_now[1])
        finally:
            connection.close()

    told: dict[str, Facts] = {name: facts(agent=name) for name in ("Bot", "bot")}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, range(4)))
    assert cost() == {"bot": 22}
    for moment in (now(), now() + LATER):
        settle_merges(now=moment)
    assert [state(budget, agent="Bot").spent for budget in (of_each, named)] == [22, 22]
    assert [state(budget, agent="Bot").reserved for budget in (of_each, named)] == [0, 0]
    assert Reservation.objects.filter(state=1).count() == 80
    assert AgentMerge.objects.get().settled_at is not None
    assert_ledger_balances()
    assert proving.prove_books(now=now()).is_balanced
    assert merges.bind_keys_again() == 0
