"""The pages of budgets: by risk, one with who spends it, the form with its sentence and replay, and every act."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.access.domain.identity import Role
from apps.access.models import Project, User
from apps.budgets.charts import replay_chart
from apps.budgets.domain.cycles import Cycle, Period, Span
from apps.budgets.domain.drafts import checked_draft
from apps.budgets.domain.replaying import Replayed
from apps.budgets.models import Budget, Counter, Entry
from apps.costs.models import BooksState
from tests.budgets.acts import TYPED, make_budget, spend
from tests.cast import make_person

pytestmark = pytest.mark.django_db


def test_budgets_stand_by_risk(ann: User, signed_in: Any) -> None:
    make_budget("100", name="Calm")
    make_budget("1", name="Gone", scope={"agent": "coder"})
    make_budget("2", name="Users", each="user")
    spend("1.7", user="ada")
    answer = signed_in(ann).get("/budgets")
    assert [(row.name, row.word) for row in answer.context["rows"]] == [
        ("Gone", "Blocked"), ("Users", "Warned"), ("Calm", "Within"),
    ]  # fmt: skip
    text = answer.content.decode()
    assert "$1.70 spent of $1.00" in text
    assert "tightest of 1: ada" in text
    assert "refuses calls" in text
    assert "New budget" not in text


def test_one_budget_says_how_it_burns_and_who_spends_it(ann: User, signed_in: Any) -> None:
    budget = make_budget("10", name="Month")
    spend("2", agent="coder")
    spend("6.5", agent="support/triage")
    answer = signed_in(ann).get(f"/budgets/{budget.pk}?by=agent")
    assert [row["name"] for row in answer.context["shares"]] == ["support/triage", "coder"]
    assert answer.context["shares"][0]["share"] == "76.5%"
    assert answer.context["chart"].rows[-1].cells in (("–",), ("$8.50",))
    assert [row["kind"] for row in answer.context["entries"]] == ["Settle", "Settle"]
    assert [one.title for one, _ in answer.context["alerts"]] == ["Month: 80 % of $10.00 is spent"]
    assert signed_in(ann).get("/budgets/987").status_code == 404


def test_what_came_after_a_period_had_ended_is_marked(ann: User, signed_in: Any) -> None:
    now = datetime.now(UTC)
    budget = make_budget("10", period="day", name="Day")
    Budget.objects.update(created_at=now - timedelta(days=9))
    spend("2", at=now - timedelta(days=2))
    spend("1", at=now - timedelta(days=3))
    Entry.objects.filter(spent=1).update(made_at=now - timedelta(days=3))
    context = signed_in(ann).get(f"/budgets/{budget.pk}").context
    assert [(row["spent"], row["late"]) for row in context["past"]] == [("$2.00", "$2.00"), ("$1.00", "")]
    drawn = json.loads(context["past_chart"].data)
    assert [(one["name"], one["values"]) for one in drawn["series"]] == [
        ("Used", [1.0, 0.0]), ("Reported after its end", [0.0, 2.0]),
    ]  # fmt: skip
    assert drawn["previous"]["values"] == [10.0, 10.0]


def test_a_budget_is_typed_previewed_made_changed_and_undone(bob: User, signed_in: Any) -> None:
    browser: Client = signed_in(bob)
    spend("30", agent="support", at=datetime.now(UTC) - timedelta(minutes=1))
    text = browser.post("/budgets/preview", TYPED | {"limit": "20", "level_1": "$25"}).content.decode()
    assert "Agent support may spend $20.00 per calendar month (Europe/Berlin)." in text
    assert "At 80 % tell 2 recipients and at $25.00 block." in text
    assert "$30.00 used; would have warned on" in text
    assert " and blocked on" in text
    assert "It covers 1 agent, which used $30.00 in this period." in text
    assert (
        "Already at 150%. What begins at once when this is saved: at 80 % raise an alert and at $25.00 block." in text
    )
    for typed in ({"counts_from": "now"}, {"usage": "reset"}, {"limit": "100"}):
        text = browser.post("/budgets/preview", TYPED | {"limit": "20", "level_1": "$200"} | typed).content.decode()
        assert "It covers 1 agent" in text
        assert "Already at" not in text
    assert Budget.objects.count() == 0
    answer = browser.post("/budgets/new", TYPED)
    budget = Budget.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/budgets/{budget.pk}")
    assert browser.get(f"/budgets/{budget.pk}").context["row"].state.spent == 30
    lower = TYPED | {"limit": "35", "level_1": "$300"}
    assert "begins at once" in browser.post(f"/budgets/preview?budget={budget.pk}", lower).content.decode()
    Counter.objects.update(in_force=["actual:80%:notify"])  # It holds already, so nothing begins.
    assert "begins at once" not in browser.post(f"/budgets/preview?budget={budget.pk}", lower).content.decode()
    page = browser.get(f"/budgets/{budget.pk}/change")
    assert "Is reset: it starts again from zero" in page.content.decode()
    late = browser.post(f"/budgets/{budget.pk}/change", TYPED | {"limit": "9", "usage": "reset", "version": "7"})
    assert late.status_code == 422
    assert late.context["form"].errors["limit"] == ["Somebody set it to 500 meanwhile."]
    assert set(late.context["form"].errors) == {"__all__", "limit"}
    assert late.context["form"]["limit"].value() == "9"
    assert late.context["form"]["version"].value() == str(budget.version)
    changed = browser.post(f"/budgets/{budget.pk}/change", TYPED | {"usage": "reset", "version": budget.version})
    assert changed.status_code == 303
    assert browser.get(f"/budgets/{budget.pk}").context["row"].state.spent == 0
    raised = browser.post(f"/budgets/{budget.pk}/raise", {"amount": "50", "periods": "2"})
    assert raised.status_code == 303
    assert browser.get(f"/budgets/{budget.pk}").context["row"].state.limit == 550
    assert browser.post(f"/budgets/{budget.pk}/raise", {"amount": "-1"}).status_code == 422
    assert "Support agents, copy" in browser.get(f"/budgets/new?from={budget.pk}").content.decode()
    browser.post(f"/budgets/{budget.pk}/pause", {"paused": "1"})
    assert browser.get("/budgets").context["rows"][0].word == "Paused"
    browser.post(f"/budgets/{budget.pk}/delete")
    assert "Undo" in browser.get("/budgets").content.decode()
    browser.post(f"/budgets/{budget.pk}/restore")
    assert [row.name for row in browser.get("/budgets").context["rows"]] == ["Support agents"]


def test_what_cannot_be_is_said_beside_its_field(bob: User, signed_in: Any) -> None:
    browser = signed_in(bob)
    table = [
        ({"limit": "much"}, "limit"),
        ({"limit": "0,50"}, "limit"),
        ({"level_0": "$12,5"}, "level_0"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"action_0": "downgrade"}, "tier_0"),
        ({"level_0": "0%"}, "level_0"),
        ({"action_1": "", "level_3": "90%", "on_3": "forecast", "action_3": "block"}, "on_3"),
        ({"tags": "team"}, "tags"),
        ({"scope_project": "nowhere"}, None),
        ({"recipients": "everybody"}, "recipients"),
        ({"recipients": "admin, nobody@example.org"}, "recipients"),
        ({"recipients": "channel:Nowhere"}, "recipients"),
    ]
    for change, field in table:
        answer = browser.post("/budgets/new", TYPED | change)
        assert answer.status_code == 422, change
        assert field is None or field in answer.context["form"].errors, (change, answer.context["form"].errors)
    assert Budget.objects.count() == 0


def test_the_preview_says_what_retention_dropped(bob: User, signed_in: Any) -> None:
    browser, gone = signed_in(bob), "Usage before Nov 1, 2022 was dropped by retention and is not counted."
    BooksState.objects.update_or_create(id=1, defaults={"records_from": datetime(2022, 11, 1, 12, tzinfo=UTC)})
    ada = TYPED | {"period": "once", "scope_user": "ada"}
    table = [(ada, True), (ada | {"counts_from": "now"}, False), (ada | {"scope_user": ""}, False),
             (ada | {"period": "month"}, False), (ada | {"each": "agent"}, True)]  # fmt: skip
    for typed, told in table:
        assert (gone in browser.post("/budgets/preview", typed).content.decode()) is told, typed
    browser.post("/budgets/new", ada)
    number = Budget.objects.get().pk
    for typed, told in ((ada | {"limit": "7"}, False), (ada | {"scope_user": "bob"}, True)):
        assert (gone in browser.post(f"/budgets/preview?budget={number}", typed).content.decode()) is told, typed


def test_conversations_are_replayed_by_value(bob: User, signed_in: Any) -> None:
    for number in range(5):
        spend(str(number), conversation_id=f"c{number}")
    typed = TYPED | {"scope_agent": "", "period": "conversation", "limit": "2", "level_1": "100%"}
    text = signed_in(bob).post("/budgets/preview", typed).content.decode()
    assert "Every conversation may spend $2.00." in text
    assert "5 conversations used $10.00, the dearest $4.00; would have warned in 3 and blocked in 3." in text


def test_people_of_some_projects_see_theirs(support: Project, signed_in: Any) -> None:
    hidden = make_budget(name="Everywhere")
    make_budget(name="Here", scope={"project": "support"})
    browser = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    assert [row.name for row in browser.get("/budgets").context["rows"]] == ["Here"]
    assert browser.get(f"/budgets/{hidden.pk}").status_code == 404
    assert browser.post(f"/budgets/{hidden.pk}/delete").status_code == 404

    spend("1", project="support", agent="triage", task_type="answer")
    spend("1", project="secret", agent="spy", model="m-16", task_type="listen")
    known = browser.get("/budgets/new").context["known"]
    assert (known.projects, known.agents, known.models, known.task_types) == (
        ["support"], ["triage"], ["made-up"], ["answer"],
    )  # fmt: skip


def test_the_history_has_the_levels_of_the_thresholds_drawn() -> None:
    draft = checked_draft(
        {
            "name": "B", "limit_usd": "20", "period": "month",
            "thresholds": [
                {"percent": 80, "action": "notify"}, {"usd": "16", "action": "advise"},
                {"percent": 100, "action": "block"}, {"percent": 90, "on": "forecast", "action": "notify"},
            ],
        }
    )  # fmt: skip
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    used = Replayed(Span(start, end), (start, end), (Decimal(3),), ())
    chart = replay_chart(Cycle(Period.MONTH), [used, used], draft.limit, draft.unit, draft.thresholds)
    assert json.loads(chart.data)["levels"] == [
        {"name": "notify at 80 %, advise at $16.00", "value": 16.0},
        {"name": "notify at 90 % of the forecast", "value": 18.0},
    ]
