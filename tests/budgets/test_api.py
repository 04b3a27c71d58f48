"""The API of budgets and reservations, as agents and administrators speak it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from apps.access.domain.identity import Role, Scope
from apps.access.models import AuditEntry, Project, User
from apps.budgets.models import Channel, MailAddress
from apps.budgets.selectors import matching
from tests.budgets.acts import BLOCKING, TYPED, make_budget, spend
from tests.cast import HeldKey, make_person
from tests.costs.posting import call, posted

pytestmark = pytest.mark.django_db
JSON = "application/json"
SENT = {
    "name": "Support",
    "scope": {"agent": "support", "tag:team": "x"},
    "limit_usd": "500.00",
    "period": "month",
    "timezone": "Europe/Berlin",
    "thresholds": [{"percent": 80, "action": "notify"}, {"percent": 100, "action": "downgrade", "tier": "simple"}],
}


def send(key: HeldKey, path: str, body: Any = None, *, method: str = "post", **headers: str) -> Any:
    return getattr(key.client, method)(path, body or {}, content_type=JSON, headers=headers)


def test_a_draft_is_tried_on_the_usage_there_was_and_nothing_is_made(admin_key: HeldKey, support: Project) -> None:
    spend("30", agent="support", tags={"team": "x"})
    asked = SENT | {"limit_usd": "20", "thresholds": [*SENT["thresholds"], {"usd": "40", "action": "block"}]}
    told = send(admin_key, "/api/budgets/preview", asked).json()
    assert told["sentence"].startswith("Agent support, tag team = x may spend $20.00 per calendar month")
    newest = told["periods"][0]
    assert (newest["used_usd"], [one["action"] for one in newest["would_have"]]) == ("30.00", ["notify", "downgrade"])
    assert newest["words"].startswith("$30.00 used; would have warned on ")
    assert told["periods"][1]["would_have"] == []
    for number in range(3):
        spend(str(number), agent="support", conversation_id=f"c{number}")
    block = [{"percent": 100, "action": "block"}]
    each = {"name": "C", "limit_usd": "1", "period": "conversation", "thresholds": block}
    (period,) = send(admin_key, "/api/budgets/preview", each).json()["periods"]
    assert (period["values"], period["highest_usd"], period["would_have"][0]["values"]) == (3, "2.00", 2)
    budget = make_budget("100")
    assert len(send(admin_key, f"/api/budgets/preview?id={budget.pk}", {"period": "week"}).json()["periods"]) == 6
    assert send(admin_key, "/api/budgets/preview?id=x", {}).status_code == 422
    assert send(admin_key, "/api/budgets/preview", SENT | {"period": "eon"}).json()["errors"][0]["path"] == "period"
    assert [row["name"] for row in admin_key.client.get("/api/budgets").json()["results"]] == ["All"]


def test_a_draft_tells_limited_people_nothing_of_other_projects(support: Project, signed_in: Any) -> None:
    spend("30", project="support")
    spend("77", project="sales")
    browser = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    table: list[tuple[dict[str, str], int, str]] = [
        ({}, 403, "$107"), ({"project": "sales"}, 403, "$77"), ({"project": "support"}, 200, ""),
    ]  # fmt: skip
    for scope, status, page in table:
        sent = {"name": "x", "limit_usd": "5", "period": "month", "scope": scope}
        assert browser.post("/api/budgets/preview", sent, content_type=JSON).status_code == status
        typed = TYPED | {"scope_agent": "", "scope_project": scope.get("project", "")}
        text = browser.post("/budgets/preview", typed).content.decode()
        assert "You see only some projects" in text if page else "$30.00 used" in text
        assert not page or page not in text


def test_limited_people_are_told_of_budgets_over_their_projects_alone(
    support: Project, carol: User, signed_in: Any, make_held_key: Any
) -> None:
    """An agent's key is told all that hold its calls up: it has to know."""
    spend("77", project="sales")
    make_budget("100", name="Everything")
    make_budget("10", name="Support's", scope={"project": "support"})
    agent = make_held_key(Scope.ROUTING_USE, project_id=support.pk).client
    asked = "/api/budgets/status?project=support"
    names = [[one["name"] for one in client.get(asked).json()["results"]] for client in (signed_in(carol), agent)]
    assert [sorted(one) for one in names] == [["Support's"], ["Everything", "Support's"]]


def test_recipients_that_cannot_be_told_anything_are_refused(admin_key: HeldKey, bob: User) -> None:
    MailAddress.objects.create(address="pager@example.org", asked_by="ada")
    for sent, code in ((["everybody"], "invalid"), (["Pager@example.org"], "unknown"), (["channel:Ops"], "unknown")):
        refused = send(admin_key, "/api/budgets", SENT | {"recipients": sent})
        assert refused.status_code == 422
        assert [(one["path"], one["code"]) for one in refused.json()["errors"]] == [("recipients", code)]
    MailAddress.objects.update(verified_at=datetime.now(UTC))
    Channel.objects.create(kind="webhook", name="Ops", url="https://1.1.1.1/hook")
    told = ["channel:Ops", "Pager@Example.org", "BOB@example.org", "Admin"]
    made = send(admin_key, "/api/budgets", SENT | {"recipients": told})
    assert made.json()["recipients"] == ["admin", "bob@example.org", "pager@example.org", "channel:Ops"]
    # Those who went since do not stand in the way of another change.
    MailAddress.objects.all().delete()
    path, match = f"/api/budgets/{made.json()['id']}", {"If-Match": made["ETag"]}
    assert send(admin_key, path, {"name": "New"}, method="patch", **match).status_code == 200


def test_a_budget_is_made_read_changed_raised_paused_and_deleted(admin_key: HeldKey) -> None:
    made = send(admin_key, "/api/budgets", SENT)
    assert made.status_code == 201, made.content
    budget = made.json()
    assert budget["limit_usd"] == "500.00"
    assert budget["thresholds"][1] == {"percent": "100", "on": "actual", "action": "downgrade", "tier": "simple"}
    assert budget["created_at"].endswith("Z")
    path = f"/api/budgets/{budget['id']}"
    assert send(admin_key, path, {"limit_usd": "600"}, method="patch").status_code == 428
    changed = send(
        admin_key, path, {"limit_usd": "600", "period": "week"}, method="patch", **{"If-Match": made["ETag"]}
    )
    assert (changed.json()["limit_usd"], changed.json()["period"]) == ("600.00", "week")
    assert send(admin_key, path, {"limit_usd": "1"}, method="patch", **{"If-Match": made["ETag"]}).status_code == 412
    assert send(admin_key, f"{path}/raise", {"amount_tokens": 5}).status_code == 422
    assert (
        send(admin_key, f"{path}/raise", {"amount_usd": "50", "reason": "fair"}).json()["raises"][0]["amount"]
        == "50.00"
    )
    assert send(admin_key, f"{path}/pause").json()["paused"] is True
    assert send(admin_key, f"{path}/pause", {"paused": False}).json()["paused"] is False
    assert send(admin_key, path, method="delete").status_code == 204
    assert admin_key.client.get(path).status_code == 404
    assert send(admin_key, f"{path}/restore").status_code == 200
    assert [row["id"] for row in admin_key.client.get("/api/budgets").json()["results"]] == [budget["id"]]
    acts = AuditEntry.objects.filter(object_type="budget").order_by("id").values_list("action", flat=True)
    assert list(acts) == [
        f"budget.{verb}" for verb in ("created", "changed", "raised", "paused", "resumed", "deleted", "restored")
    ]


def test_a_budget_tells_money_and_times_as_everything_does(admin_key: HeldKey) -> None:
    made = send(admin_key, "/api/budgets", {**SENT, "thresholds": [{"usd": "7.5", "action": "notify"}]}).json()
    assert made["thresholds"] == [{"usd": "7.50", "on": "actual", "action": "notify"}]
    told = send(admin_key, f"/api/budgets/{made['id']}/raise", {"amount_usd": "5"}).json()
    times = [told["created_at"], told["changed_at"], told["raises"][0]["starts_at"], told["raises"][0]["ends_at"]]
    assert [time[-1] for time in times] == ["Z"] * 4


def test_a_misspelt_field_is_refused_and_what_was_told_may_come_back(admin_key: HeldKey) -> None:
    sent = {"name": "Month", "limit_usd": "5", "period": "month", "threshold": [{"percent": 100, "action": "block"}]}
    for path in ("/api/budgets", "/api/budgets/preview"):
        refused = admin_key.client.post(path, sent, content_type="application/json")
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "threshold")
    del sent["threshold"]
    made = admin_key.client.post("/api/budgets", sent, content_type="application/json")
    assert made.status_code == 201
    path = f"/api/budgets/{made.json()['id']}"
    tag = {"If-Match": made["ETag"]}
    assert admin_key.client.patch(path, {"limits": 1}, content_type="application/json", headers=tag).status_code == 422
    back = made.json() | {"limit_usd": "6"}
    assert (
        admin_key.client.patch(path, back, content_type="application/json", headers=tag).json()["limit_usd"] == "6.00"
    )


def test_usage_answers_with_the_budgets_that_apply(writer: HeldKey) -> None:
    wide, tight = make_budget("100", name="Wide"), make_budget("4", name="Tight", each="conversation", period="day")
    told = posted(writer, [call(cost_usd="1.5", conversation_id="c"), call(cost_usd="2", conversation_id="c")], "")
    assert [row["id"] for row in told["budgets"]] == [str(tight.pk), str(wide.pk)]
    row = told["budgets"][0]
    assert (row["spent_usd"], row["remaining_usd"], row["state"], row["action"]) == ("3.50", "0.50", "warn", "none")
    assert row["each"] == {"field": "conversation", "value": "c"}
    assert row["resets_at"].endswith("Z")
    assert posted(writer, call(project="else", cost_usd="0.5"))["budgets"][0]["spent_usd"] == "4.00"


def test_a_refused_reservation_says_which_budget_when_and_who(make_held_key: Any) -> None:
    agent = make_held_key(Scope.ROUTING_USE, Scope.USAGE_WRITE)
    budget = make_budget("1", name="Small")
    made = send(agent, "/api/reservations", {"id": "r1", "amount_usd": "0.75", "agent": "coder"})
    assert made.status_code == 201, made.content
    assert made.json()["amount_usd"] == "0.75"
    again = send(agent, "/api/reservations", {"id": "r1", "amount_usd": "0.75", "agent": "coder"})
    assert again.json() == made.json()
    assert send(agent, "/api/reservations", {"id": "r1", "amount_usd": "0.7"}).status_code == 409
    refused = send(agent, "/api/reservations", {"amount_usd": "0.3"})
    assert refused.status_code == 402
    body = refused.json()
    assert (body["type"], body["limit_source"], body["budget_id"]) == (
        "urn:bursar:problem:budget",
        "budget",
        str(budget.pk),
    )
    assert (body["limit_usd"], body["spent_usd"], body["reserved_usd"]) == ("1.00", "0.00", "0.75")
    assert body["raise_contacts"] == ["alice@example.org"]
    assert datetime.fromisoformat(body["resets_at"]) > datetime.now(UTC)
    assert send(agent, "/api/reservations/r1/extend", {"ttl_s": 600}).status_code == 200
    assert send(agent, "/api/reservations/r1/release").json() == {"id": "r1", "released": True}
    assert send(agent, "/api/reservations/r1/release").json()["released"] is False
    assert send(agent, "/api/reservations/r1/extend").status_code == 409
    assert send(agent, "/api/reservations", {"amount_usd": 0.3}).status_code == 422
    assert send(agent, "/api/reservations", {"amount_usd": "1", "parent_reservation_id": "x"}).status_code == 422


def test_reservations_take_their_types_alone_and_name_what_is_no_field(make_held_key: Any) -> None:
    agent = make_held_key(Scope.ROUTING_USE)
    for wrong in ({"project": 5}, {"tokens": "5"}, {"ttl_s": "60"}, {"tags": {"a": 1}}, {"amount_usd": 1}):
        refused = send(agent, "/api/reservations", {"amount_usd": "1", **wrong})
        assert refused.status_code == 422, wrong
        assert refused.json()["errors"][0]["path"].startswith(next(iter(wrong)))
    nothing = dict.fromkeys(("id", "tokens", "ttl_s", "tags", "agent", "parent_reservation_id"))
    assert send(agent, "/api/reservations", {"amount_usd": "1", **nothing}).status_code == 201
    made = send(agent, "/api/reservations", {"amount_usd": "1", "agnt": "coder"}).json()
    assert [(one["path"], one["code"]) for one in made["warnings"]] == [("agnt", "unknown_field")]


def test_a_reservation_that_has_no_room_for_a_child_says_how_it_stands(make_held_key: Any) -> None:
    agent = make_held_key(Scope.ROUTING_USE, Scope.USAGE_WRITE)
    send(agent, "/api/reservations", {"id": "parent", "amount_usd": "1"})
    spent = call(reservation_id="parent", reservation_final=False, cost_usd="0.125")
    assert posted(agent, spent)["accepted"] == 1
    child = {"amount_usd": "0.5", "parent_reservation_id": "parent"}
    assert send(agent, "/api/reservations", child).status_code == 201
    names = ("limit_source", "budget_id", "limit_usd", "spent_usd", "reserved_usd", "remaining_usd", "resets_at")
    told = send(agent, "/api/reservations", child)
    assert told.status_code == 402
    body = told.json()
    assert [body[name] for name in names] == ["reservation", None, "1.00", "0.125", "0.50", "0.375", None]
    assert body["raise_contacts"] == []
    send(agent, "/api/reservations/parent/release")
    body = send(agent, "/api/reservations", child).json()
    assert [body[name] for name in names[2:6]] == ["1.00", "0.125", "0.00", None]


def test_the_status_knows_a_budget_that_another_process_just_made(make_held_key: Any, monkeypatch: Any) -> None:
    agent = make_held_key(Scope.ROUTING_USE)
    assert agent.client.get("/api/budgets/status").json()["results"] == []
    known = matching.matcher()
    make_budget("10", name="New")
    monkeypatch.setattr(matching, "_memory", known)
    assert [row["name"] for row in agent.client.get("/api/budgets/status").json()["results"]] == ["New"]


def test_the_status_reads_fresh(make_held_key: Any) -> None:
    agent = make_held_key(Scope.ROUTING_USE)
    make_budget("10", name="Coder", scope={"agent": "coder", "tag:team": "x"}, exempt=[{"user": "ceo"}])
    spend("10", tags={"team": "x"})
    rows = agent.client.get("/api/budgets/status?agent=coder/sub&tag:team=x").json()["results"]
    assert [(row["name"], row["state"], row["action"]) for row in rows] == [("Coder", "blocked", "block")]
    rows = agent.client.get("/api/budgets/status?agent=coder&tag:team=x&user=ceo").json()["results"]
    assert [row["action"] for row in rows] == ["none"]
    assert agent.client.get("/api/budgets/status?agent=coder").json()["results"] == []
    assert agent.client.get("/api/budgets/status?project=new").json()["results"] == []
    assert not Project.objects.filter(name="new").exists()


def test_keys_and_people_of_one_project_stay_there(make_held_key: Any, support: Project, signed_in: Any) -> None:
    make_budget(name="Everywhere")
    make_budget(name="Here", scope={"project": "support"})
    bound = make_held_key(Scope.ROUTING_USE, project_id=support.pk)
    assert send(bound, "/api/reservations", {"amount_usd": "1", "project": "sales"}).status_code == 403
    assert send(bound, "/api/reservations", {"id": "a", "amount_usd": "1"}).status_code == 201
    assert send(make_held_key(Scope.ROUTING_USE), "/api/reservations/a/release").status_code == 404
    dora: Client = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    assert [row["name"] for row in dora.get("/api/budgets").json()["results"]] == ["Here"]
    for scope, status in (({}, 403), ({"project": "sales"}, 403), ({"project": "support"}, 201)):
        sent = SENT | {"scope": scope, "thresholds": list(BLOCKING)}
        assert dora.post("/api/budgets", sent, content_type=JSON).status_code == status
