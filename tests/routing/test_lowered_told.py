"""Mails, webhooks and pages say which models a budget put in the place of which, from when to when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from apps.access.domain.identity import Scope
from apps.access.models import User
from apps.budgets.domain.lowering import Counted
from apps.budgets.models import Alert, Announcement, Budget, Delivery, Event
from apps.budgets.services import editing
from apps.budgets.services.alerting.addressing import address_waiting
from apps.budgets.services.alerting.lowering import tell_lowered
from apps.budgets.services.outbox import posts
from apps.budgets.services.outbox.mail import compose
from apps.budgets.services.outbox.sweeping import sweep
from apps.routing.models import Decision
from apps.routing.selectors.sent_down import lowered_by
from tests.budgets.acts import OWNER, make_budget, spend
from tests.budgets.alerting import audience, channel
from tests.budgets.conftest import use_mail_server
from tests.budgets.smtp import mail_server, parts
from tests.cast import HeldKey
from tests.routing import acts
from tests.routing.test_decisions import HARD, ask

DOWN = [{"percent": 50, "action": "downgrade", "tier": "simple"}]


@pytest.fixture
def agent(make_held_key: Any) -> Client:
    acts.published(acts.document())
    key: HeldKey = make_held_key(Scope.ROUTING_USE, Scope.USAGE_WRITE)
    return key.client


@pytest.fixture
def spent(agent: Client, settings: Settings) -> Budget:
    """A budget that sends calls to the cheapest tier, since twenty minutes ago."""
    settings.EMAIL_URL = "smtp://nowhere"
    budget = make_budget("1", name="Team <A>", thresholds=DOWN)
    spend("0.6")
    Alert.objects.update(raised_at=datetime.now(UTC) - timedelta(minutes=20))
    return budget


def mails(now: datetime) -> list[Any]:
    """What is told now, by mail and otherwise; each as it leaves."""
    before = set(Delivery.objects.values_list("id", flat=True))
    address_waiting(now=now)
    return list(Delivery.objects.exclude(id__in=before).select_related("channel").order_by("-address", "id"))


def test_the_first_mail_names_the_models(spent: Budget, alice: User) -> None:
    (delivery,) = mails(datetime.now(UTC))
    plain = str(compose(delivery).body)
    premium, standard = ("/".join(one) for one in (acts.OPUS, acts.FULL))
    assert f"From now on: calls of premium ({premium}), standard ({standard}) are sent to the tier simple, to " in plain
    assert "/".join(acts.MINI) in plain


def test_what_was_sent_down_is_told_soon_then_daily_then_at_the_end(
    agent: Client, spent: Budget, alice: User, signed_in: Any
) -> None:
    audience(roles=["owner"])
    hook = channel()
    now = datetime.now(UTC)
    mails(now)
    assert tell_lowered(now=now) == 0
    for number in range(3):
        ask(agent, id=f"d{number}", message=HARD)
    later = datetime.now(UTC)
    assert [tell_lowered(now=later) for _ in range(2)] == [1, 0]
    mail, posted = mails(later)
    message = compose(mail)
    assert message.subject == "[Bursar] 3 calls sent down: Team <A>: 50 % of $1.00 is spent"
    plain, html = str(message.body), str(message.alternatives[0][0])
    line = "  3 x anthropic/claude-opus-5-5 (premium) -> openrouter/openai/gpt-4.1-mini (simple)"
    line += "; 3 may be below the quality threshold\n"
    for words in (line, "UTC: 3 calls\n", "Budget: Team <A>\n", "Resets: ", "Ends: when it is raised"):
        assert words in plain
    assert "Sent to cheaper models: 3 calls" in html
    assert "claude-opus-5-5<br>" in html
    assert "simple; 3 may be below the quality threshold" in html
    assert (mail.address, posted.channel) == (alice.email, hook)
    told = posts.payload(posted, later)
    assert told["type"] == "alert.downgraded"
    assert told["data"]["downgrades"]["models"] == [
        {
            "from": {"model": "anthropic/claude-opus-5-5", "tier": "premium"},
            "to": {"model": "openrouter/openai/gpt-4.1-mini", "tier": "simple"},
            "calls": 3,
            "below_quality": 3,
        }
    ]
    ask(agent, message=HARD)
    assert tell_lowered(now=later + timedelta(hours=23)) == 0
    assert tell_lowered(now=later + timedelta(hours=25)) == 1
    assert [one.lowered[0]["calls"] for one in Announcement.objects.filter(event=Event.DOWNGRADED)] == [3, 1]
    page = signed_in(alice).get(f"/alerts/{Alert.objects.get().pk}").content.decode()
    assert "Sent to cheaper models" in page
    assert "simple; 4 may be below the quality threshold" in page
    mails(later)
    editing.raise_budget(caller=OWNER, budget_id=spent.pk, amount=Decimal(9))
    end = [str(compose(one).body) for one in mails(later) if one.address]
    assert len(end) == 1
    assert "UTC: 4 calls\n  4 x anthropic" in end[0]


def test_a_call_below_the_quality_threshold_is_told_by_decision_mail_and_page(
    agent: Client, spent: Budget, alice: User, settings: Settings, signed_in: Any
) -> None:
    """Through a mail server, as sweeps send it."""
    told = ask(agent, id="d1", message=HARD)
    assert (told["tier"], told["below_quality"]) == ("simple", True)
    assert "the policy lets the budget “Team <A>” win" in told["reason"]
    later = datetime.now(UTC) + timedelta(seconds=5)
    with mail_server() as server:
        use_mail_server(settings, server)
        address_waiting(now=later)
        tell_lowered(now=later)
        address_waiting(now=later)
        sweep(clock=lambda: later)
    mail = next(mail for mail in server.accepted if "sent down" in mail["Subject"])
    plain, html = parts(mail)
    assert "(simple); 1 may be below the quality threshold\r\n" in plain
    assert "simple; 1 may be below the quality threshold" in html
    page = signed_in(alice).get(f"/alerts/{Alert.objects.get().pk}").content.decode()
    assert "simple; 1 may be below the quality threshold" in page


def test_each_counter_is_told_of_by_itself(agent: Client, alice: User) -> None:
    """Conversations, agents, users and projects; another one's calls are not among them."""
    now = datetime.now(UTC)
    for each in ("conversation", "agent", "user", "project"):
        period = {"period": "conversation"} if each == "conversation" else {}
        budget = make_budget("1", name=each, each=each, thresholds=DOWN, **period)
        spend("0.6", agent="coder", conversation_id="c1", user="u1", project="p1")
        mine: dict[str, Any] = {"agent": "coder", "conversation_id": "c1", "user": "u1", "project": "p1"}
        ask(agent, message=HARD, **mine)
        ask(agent, message=HARD, **mine | {"agent": "b", "conversation_id": "c2", "user": "u2", "project": "p2"})
        alert = Alert.objects.get(budget_id=budget.pk)
        value = alert.subject.partition(":")[2]
        end = datetime.now(UTC)
        assert [one.calls for one in lowered_by(Counted(budget.pk, each, value), now, end)] == [1]
        assert lowered_by(Counted(budget.pk, each, f"{value}9"), now, end) == []
        assert lowered_by(Counted(budget.pk, each, value), now - timedelta(1), now) == []
        editing.delete_budget(caller=OWNER, budget_id=budget.pk)
        Decision.objects.all().delete()
