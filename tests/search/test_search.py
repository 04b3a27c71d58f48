"""The search box finds everything that has a name, within what one may see."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from apps.access.domain.identity import Role
from apps.access.models import Project, User
from apps.budgets.models import Alert
from controlplane.saved.services import save_view
from controlplane.search import finding
from controlplane.search.finding import found
from tests.budgets.acts import make_budget
from tests.budgets.alerting import raised
from tests.cast import HeldKey, make_person
from tests.usage import call, report

NOW = datetime.now(UTC) - timedelta(minutes=1)
SignIn = Callable[[User], Client]


def told(person: User, text: str) -> dict[str, list[tuple[str, str]]]:
    groups = found(person.caller(), text, [("Health", "/health")])
    return {group.label: [(hit.name, hit.note) for hit in group.hits] for group in groups}


@pytest.fixture
def usage(support: Project, sales: Project) -> None:
    at = {"support": {"conversation_id": "chat-7/x"}, "sales": {"conversation_id": "chat-8", "tier": "premium"}}
    for project, more in at.items():
        agent = f"{project}-bot"
        usual = {"agent": agent, "task_type": f"{project}_work", "model": f"gpt-{project}", "cost_usd": "0.5"}
        report([call(NOW, project=project, **usual, **more)], NOW)


def test_everything_with_a_name_is_found(usage: None, alice: User, reader: HeldKey) -> None:
    save_view(caller=alice.caller(), name="Bot work", url="/explore?group=agent")
    assert told(alice, "BOT") == {
        "Agents": [("sales-bot", "sales"), ("support-bot", "support")], "Saved views": [("Bot work", "")],
    }  # fmt: skip
    assert told(alice, "gpt-s") == {"Models": [("gpt-sales", "openai"), ("gpt-support", "openai")]}
    assert told(alice, "sales") == {
        "Models": [("gpt-sales", "openai")], "Agents": [("sales-bot", "sales")], "Projects": [("sales", "")],
        "Task types": [("sales_work", "")],
    }  # fmt: skip
    assert told(alice, "premium") == {"Tiers": [("premium", "")]}
    assert told(alice, "chat-") == {"Conversations": [("chat-7/x", "support, $0.5000"), ("chat-8", "sales, $0.5000")]}
    assert told(alice, "metrics:read") == {"Keys": [("metrics:read", f"{reader.key.prefix}\u2026")]}
    assert told(alice, "heal") == {"Pages": [("Health", "")]}
    for text in ("", "  ", "%", "_", "\0", "nobody", "'", "\\"):
        assert told(alice, text) in ({}, {"Task types": [("sales_work", ""), ("support_work", "")]}), text


def test_budgets_and_alerts_are_found_within_what_one_may_see(
    support: Project, sales: Project, alice: User, carol: User
) -> None:
    make_budget(name="Sales of November", scope={"project": "sales"})
    make_budget("500", name="Support of November", scope={"project": "support"})
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    raised(at, title="November is at 80 %", project_id=support.pk)
    raised(at + timedelta(days=1), 2, title="November is at 90 %")
    Alert.objects.filter(subject="budget:2").update(state="resolved")
    everything = told(alice, "november")
    assert everything["Budgets"] == [("Sales of November", "$10.00"), ("Support of November", "$500.00")]
    assert everything["Alerts"] == [
        ("November is at 80 %", "firing, Nov 2, 2026"), ("November is at 90 %", "resolved, Nov 3, 2026"),
    ]  # fmt: skip
    assert told(carol, "november") == {
        "Budgets": [("Support of November", "$500.00")], "Alerts": [("November is at 80 %", "firing, Nov 2, 2026")],
    }  # fmt: skip


def test_every_hit_leads_somewhere(usage: None, alice: User, reader: HeldKey, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    make_budget(name="Sales of November")
    raised(NOW)
    for text in ("sales", "chat", "premium", "metrics", "budget"):
        groups = browser.get("/search", {"q": text}).context["groups"]
        for hit in (hit for group in groups for hit in group.hits):
            assert browser.get(hit.url).status_code == 200, hit


def test_nobody_finds_what_they_may_not_see(usage: None, carol: User, sales: Project, reader: HeldKey) -> None:
    for text in ("sales", "premium", "chat-8", "metrics:read"):
        assert told(carol, text) == {}, text
    assert told(carol, "support") == {
        "Models": [("gpt-support", "openai")], "Agents": [("support-bot", "support")],
        "Projects": [("support", "")], "Task types": [("support_work", "")],
    }  # fmt: skip
    dora = make_person("dora@example.org", Role.ADMIN, sales)
    assert "Keys" not in told(dora, "metrics:read")


def test_old_conversations_are_found_by_their_whole_id(
    usage: None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "NEWEST_CONVERSATIONS", 0)
    assert told(alice, "chat") == {}
    assert told(alice, "chat-8") == {"Conversations": [("chat-8", "sales, $0.5000")]}


def test_the_box_swaps_its_answer_while_one_types(usage: None, ann: User, signed_in: SignIn) -> None:
    browser = signed_in(ann)
    fragment = browser.get("/search?q=sales", headers={"HX-Request": "true"}).content
    assert b"<html" not in fragment
    assert b"sales-bot" in fragment
    assert b"Nothing is called" in browser.get("/search?q=zzz").content
