"""Merging by the API and by the page: first what it would do, then exactly that."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from apps.access.domain.identity import Role, Scope
from apps.access.domain.likeness import alike
from apps.access.models import Agent, ApiKey, Project, User
from apps.budgets.services.merging import SETTLES_AFTER, settle_merges
from tests.budgets.acts import make_budget, spend
from tests.cast import HeldKey, make_person
from tests.merging.acts import agent
from tests.routing import acts as routing

pytestmark = pytest.mark.django_db
JSON = "application/json"
SignIn = Callable[[User], Client]


@pytest.fixture
def used(make_held_key: Callable[..., HeldKey]) -> HeldKey:
    """Usage under two names, budgets and rules about them, and a key that administers."""
    spend("6", agent="support_bot")
    spend("2.5", agent="support-bot")
    spend("1", agent="support_bot/sub")
    spend("1", agent="other")
    rules = [{"when": {"agent": "support_bot"}, "tier": "premium"}]
    routing.published(routing.document(rules=rules))
    make_budget("10", name="Each", each="agent", period="once")
    make_budget("10", name="Named", scope={"agent": "support-bot"}, period="once")
    make_budget("100", name="All", period="once")
    make_budget("10", name="Conversations", scope={"agent": "support-bot"}, each="conversation", period="conversation")
    held = make_held_key(Scope.USAGE_WRITE)
    ApiKey.objects.filter(id=held.key.pk).update(project=agent("other").project_id, agent=agent("support_bot").pk)
    return make_held_key(Scope.ADMIN)


def paths() -> tuple[str, int]:
    return f"/api/agents/{agent('support_bot').pk}/merge", agent("support-bot").pk


def test_a_dry_run_says_what_happens_and_changes_nothing(used: HeldKey) -> None:
    path, into = paths()
    told = used.client.post(path, {"into": into, "dry_run": True}, JSON).json()
    assert (told["dry_run"], told["can_be_undone"]) == (True, False)
    sides = [(told[side]["name"], told[side]["calls"], told[side]["cost_usd"]) for side in ("agent", "into")]
    assert sides == [("support_bot", 1, "6.00"), ("support-bot", 1, "2.50")]
    assert (len(told["agent"]["keys"]), told["into"]["keys"]) == (1, [])
    assert told["agent"]["subordinates"] == ["support_bot/sub"]
    assert told["routing"] == ["Rule 1: agent support_bot → tier premium (exactly)"]
    budgets = {one["name"]: (one["spent"], one["merged"], one["after"], len(one["reached"])) for one in told["budgets"]}
    assert budgets == {
        "Each": ("2.50", "6.00", "8.50", 1),
        "Named": ("2.50", None, "8.50", 1),
        "Conversations": (None, None, None, 0),
    }
    assert told["budgets"][0]["reached"] == ["80 %, $8.00: people are told"]
    assert used.client.post(path, {"into": into, "dry_run": True}, JSON).json() == told
    assert sorted(Agent.objects.standing().values_list("name", flat=True)) == [
        "other", "support-bot", "support_bot", "support_bot/sub",
    ]  # fmt: skip


def test_it_merges_what_was_seen(used: HeldKey) -> None:
    path, into = paths()
    before = agent("support_bot").pk
    assert used.client.post(path, {"into": into}, JSON).status_code == 422
    assert used.client.get(path).status_code == 404
    fingerprint = used.client.post(path, {"into": into, "dry_run": True}, JSON).json()["fingerprint"]
    make_budget("9", name="New", each="agent", period="once")
    stale = used.client.post(path, {"into": into, "fingerprint": fingerprint}, JSON)
    assert (stale.status_code, stale.json()["errors"][0]["code"]) == (409, "changed")
    fingerprint = used.client.post(path, {"into": into, "dry_run": True}, JSON).json()["fingerprint"]
    # What only grows with each call is no reason to look again.
    spend("0.25", agent="support-bot")
    for _ in range(2):
        merged = used.client.post(path, {"into": into, "fingerprint": fingerprint}, JSON)
        assert merged.status_code == 200, merged.content
        told = merged.json()["merge"]
        assert (told["agent_id"], told["name"], told["into"], told["state"]) == (
            before, "support_bot", "support-bot", "counting",
        )  # fmt: skip
    for moment, expected in ((datetime.now(UTC), "settling"), (datetime.now(UTC) + SETTLES_AFTER, "done")):
        settle_merges(now=moment)
        assert used.client.get(path).json()["state"] == expected
    listed = used.client.get("/api/agents").json()["results"]
    names = {one["name"]: one["former_names"] for one in listed}
    assert names == {"other": [], "support-bot": ["support_bot"], "support_bot/sub": []}


def test_refusals(used: HeldKey) -> None:
    spend("1", agent="far", project="elsewhere")
    path, into = paths()
    codes = {}
    for wanted in (agent("support_bot").pk, agent("far", "elsewhere").pk, 10**9, "x"):
        answer = used.client.post(path, {"into": wanted, "dry_run": True}, JSON)
        codes[answer.json()["errors"][0]["code"]] = answer.status_code
    assert codes == {"same_agent": 422, "other_project": 422, "unknown_agent": 422, "invalid": 422}
    assert used.client.post("/api/agents/999999/merge", {"into": into, "dry_run": True}, JSON).status_code == 404


def test_only_within_what_one_sees(used: HeldKey, signed_in: SignIn) -> None:
    spend("1", agent="a", project="elsewhere")
    elsewhere = Project.objects.get(name="elsewhere")
    browser = signed_in(make_person("dora@example.org", Role.ADMIN, elsewhere))
    assert browser.get(f"/agents/{agent('support_bot').pk}/merge").status_code == 404
    path, into = paths()
    assert browser.post(path, {"into": into, "dry_run": True}, JSON).status_code == 404
    own = f"/api/agents/{agent('a', 'elsewhere').pk}/merge"
    assert browser.post(own, {"into": into, "dry_run": True}, JSON).status_code == 422


def test_the_page(
    used: HeldKey, bob: User, signed_in: SignIn, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    browser, (_, into) = signed_in(bob), paths()
    path = f"/agents/{agent('support_bot').pk}/merge"
    listed = browser.get("/projects").content.decode()
    assert f"{path}?into={into}" in listed or f"/agents/{into}/merge?into={agent('support_bot').pk}" in listed
    chosen = browser.get(path).content.decode()
    assert chosen.index("Looks like the same") < chosen.index("support-bot</option>") < chosen.index("other</option>")
    assert browser.get(f"{path}?into=x").status_code == 422
    seen = browser.get(f"{path}?into={into}")
    page = seen.content.decode()
    for words in ("cannot be undone", "$6.00", "$8.50", "Rule 1: agent support_bot", "support_bot/sub", "Counted anew"):
        assert words in page, words
    wrong = browser.post(path, {"into": into, "fingerprint": "old"})
    assert wrong.status_code == 409
    assert "has changed since it was previewed" in wrong.content.decode()
    fingerprint = seen.context["seen"].fingerprint
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        assert browser.post(path, {"into": into, "fingerprint": fingerprint})["Location"] == "/projects"
    listed = browser.get("/projects").content.decode()
    assert "support_bot is support-bot now" in listed
    assert "Merged, budgets are counted" in listed
    assert "look like one agent" not in listed
    assert browser.get(path).status_code == 404
    found = browser.get("/search?q=support_b").content.decode()
    assert "agent=support-bot" in found


def test_names_that_are_likely_one() -> None:
    others = ["support-bot", "Support Bot", "suport_bot", "support_bot/sub", "worker-2", "coder"]
    assert alike("support_bot", others) == ["Support Bot", "support-bot", "suport_bot"]
    assert alike("worker-1", others) == []
    assert alike("--", ["__", "coder"]) == []
