"""The budget of every conversation follows the routing policy and keeps what people did to it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.access.domain.errors import Refused
from apps.access.models import AuditEntry, User
from apps.budgets.domain.drafts import checked_draft
from apps.budgets.models import Alert, Announcement, Budget, Counter
from apps.budgets.selectors import matching
from apps.budgets.selectors.standing import counters_of, standing
from apps.budgets.services import editing, proving, tending
from apps.costs.models import ConversationTotal
from apps.routing.models import PolicyVersion
from apps.routing.services.conversation_budgets import bring_about
from apps.routing.services.policies import roll_back
from tests.budgets.acts import OWNER, make_budget, spend, state
from tests.routing import acts

pytestmark = pytest.mark.django_db
BUDGET = {"model_routing_budget_per_conversation": "0.50"}
WARN, DOWN = {"percent": "80", "on": "actual", "action": "notify"}, {"percent": "100", "on": "actual",
    "action": "downgrade", "tier": "simple"}  # fmt: skip
BLOCK = {"percent": "120", "on": "actual", "action": "block"}


def publish(**fields: Any) -> PolicyVersion:
    version = acts.published(acts.document(**fields))
    matching.forget()
    return version


def kept() -> Budget:
    return Budget.objects.standing().get()


def change(**fields: Any) -> None:
    """What an admin does on the budget itself."""
    sent = {"name": "Mine", "limit_usd": "0.50", "period": "conversation", "thresholds": [WARN, DOWN], **fields}
    editing.change_budget(caller=OWNER, budget_id=kept().pk, draft=checked_draft(sent))


def test_publishing_makes_and_changes_it_with_one_entry_and_keeps_what_people_did() -> None:
    publish(**BUDGET)
    made = kept()
    assert (made.limit, made.each, made.thresholds, made.created_by) == (
        Decimal("0.50"), "conversation", [WARN, DOWN], "tests",
    )  # fmt: skip
    entry = AuditEntry.objects.latest("id")
    assert entry.action == "policy.published"
    assert entry.after is not None
    assert (entry.after["budget.name"], entry.after["budget.limit"]) == ("Every conversation", "0.50")
    version = made.version
    publish(**BUDGET, model_routing_quality_threshold=0.8)
    assert kept().version == version
    early = {"percent": "50", "on": "actual", "action": "advise"}
    change(thresholds=[early, DOWN, BLOCK], recipients=["admin"], exempt=[{"user": "ceo"}])
    publish(model_routing_budget_per_conversation="0.75")
    now = kept()
    assert (now.pk, now.limit, now.name, now.recipients, now.exempt) == (
        made.pk, Decimal("0.75"), "Mine", ["admin"], [{"user": "ceo"}],
    )  # fmt: skip
    # The warning that was taken away stays away; what was added stays.
    assert now.thresholds == [early, DOWN, BLOCK]
    entry = AuditEntry.objects.latest("id")
    assert [(side or {})["budget.limit"] for side in (entry.before, entry.after)] == ["0.500000000000000", "0.75"]


def test_it_goes_with_the_policy_and_comes_back_as_it_was() -> None:
    first = publish(**BUDGET)
    made = kept()
    change(thresholds=[WARN, DOWN, BLOCK])
    publish()
    assert not Budget.objects.standing().exists()
    assert first.version is not None
    roll_back(caller="alice", version=first.version, now=datetime.now(UTC))
    assert (kept().pk, kept().thresholds) == (made.pk, [WARN, DOWN, BLOCK])
    editing.delete_budget(caller=OWNER, budget_id=made.pk)
    assert bring_about(actor="first start") is None
    publish(**BUDGET, model_routing_quality_threshold=0.9)
    assert kept().pk == made.pk
    with pytest.raises(Refused, match="over 0 USD"):
        publish(model_routing_budget_per_conversation="0")


def test_a_policy_from_before_gets_its_budget_once() -> None:
    publish(**BUDGET)
    Budget.objects.all().delete()
    made = bring_about(actor="first start")
    assert made is not None
    assert bring_about(actor="first start") is None
    assert AuditEntry.objects.latest("id").action == "budget.created"


def test_it_goes_down_in_the_conversation_alone_and_mails_nobody_unasked(alice: User) -> None:
    publish(**BUDGET)
    spend("0.41", conversation_id="c1")
    assert (state(kept(), conversation="c1").state, state(kept(), conversation="c1").action) == ("warn", "none")
    (told,) = spend("0.10", conversation_id="c1").budgets
    assert (told["action"], told["tier"], told["each"]["value"]) == ("downgrade", "simple", "c1")
    assert state(kept(), conversation="c2").action == "none"
    assert [(one.severity, one.mails) for one in Alert.objects.order_by("id")] == [("warning", False)] * 2
    assert not Announcement.objects.exists()
    change(recipients=["admin"])
    matching.forget()
    spend("0.60", conversation_id="c3")
    assert {one.severity for one in Alert.objects.filter(mails=True)} == {"critical"}


def test_what_is_imported_of_old_conversations_is_told_to_nobody() -> None:
    make_budget("1", each="conversation", period="conversation")
    now = datetime.now(UTC)
    spend("5", conversation_id="old", at=now - timedelta(hours=25))
    assert Counter.objects.get().in_force == ["actual:80%:notify", "actual:100%:block"]
    assert not Alert.objects.exists()
    spend("5", conversation_id="new", at=now - timedelta(hours=23))
    assert {one.facts[0][1] for one in Alert.objects.all()} == {"All (new)"}


def test_conversations_that_are_over_leave_the_page_and_their_alerts_end(alice: User) -> None:
    publish(**BUDGET)
    now = datetime.now(UTC)
    spend("0.90", conversation_id="old", at=now - timedelta(hours=23))
    ConversationTotal.objects.update(last_at=now - timedelta(days=2))
    spend("0.10", conversation_id="new")
    found = standing(kept(), now)
    assert (found.counters, found.state.label, len(counters_of(found, now))) == (1, "new", 1)
    Alert.objects.update(raised_at=now - timedelta(hours=23))
    assert tending.end_conversations(now=now) == 0
    Alert.objects.update(raised_at=now - timedelta(hours=25))
    assert tending.end_conversations(now=now) == 1
    assert set(Alert.objects.values_list("state", flat=True)) == {"resolved"}
    # What holds of it goes on to hold.
    assert Counter.objects.get(label="old").in_force == ["actual:80%:notify", "actual:100%:downgrade"]


def test_counting_follows_the_new_terms(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    spend("0.30", conversation_id="c1")
    with django_capture_on_commit_callbacks(execute=True):
        publish(**BUDGET)
    spend("0.25", conversation_id="c1")
    # What the conversation had used before counts.
    assert (state(kept(), conversation="c1").spent, state(kept(), conversation="c1").action) == (
        Decimal("0.55"), "downgrade",
    )  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        publish(model_routing_budget_per_conversation="1.00")
    assert (state(kept(), conversation="c1").action, Counter.objects.get().limit) == ("none", Decimal(1))
    tending.tend(now=datetime.now(UTC))
    assert proving.prove_books(now=datetime.now(UTC)).is_balanced


def test_the_sweep_counts_only_conversations_that_go_on_again() -> None:
    make_budget("1", each="conversation", period="conversation", thresholds=[])
    for number in range(3):
        spend("0.1", conversation_id=f"c{number}", at=datetime.now(UTC) - timedelta(days=number))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE budgets_counter SET spent = spent + 1")
    tending.tend(now=datetime.now(UTC))
    assert [row.spent for row in Counter.objects.order_by("label")] == [Decimal("0.1"), Decimal("1.1"), Decimal("1.1")]


def test_the_page_says_before_publishing_what_becomes_of_it(alice: User, signed_in: Any) -> None:
    browser = signed_in(alice)
    draft = acts.draft(acts.document(**BUDGET))
    assert "Comes into force: Every conversation may spend $0.5000." in page(browser, draft)
    publish(**BUDGET)
    assert "Stays as it is: Every conversation" in page(browser, draft)
    more = acts.draft(acts.document(model_routing_budget_per_conversation="0.75"))
    assert "Becomes: Every conversation may spend $0.7500." in page(browser, more)
    assert "Is deleted" in page(browser, acts.draft(acts.document()))
    assert "keeps it in step" in browser.get(f"/budgets/{kept().pk}").content.decode()
    publish()
    assert "Comes into force" in browser.get("/routing/versions/1").content.decode()


def page(browser: Any, draft: int) -> str:
    text: str = browser.get(f"/routing/drafts/{draft}/publish").content.decode()
    return text
