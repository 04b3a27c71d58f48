"""The pages of the lists and of their disagreements, through a browser's eyes."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.access.models import User
from apps.costs.models import LanguageModel, ListChange, ListComparison, OwnPrice, Price, PriceListEdition
from apps.costs.services.price_lists import apply_changes, work_on_check
from tests.costs.factories import make_usage, record
from tests.costs.lists.conftest import FIRST, SECOND, Lists

pytestmark = pytest.mark.django_db

PAGE = "/prices/lists"
SignIn = Callable[[User], Client]


@pytest.fixture
def found(lists: Lists) -> Lists:
    """A check that found a jump, a change and a new model, on a book with usage."""
    now = timezone.now()
    lists.load(now - timedelta(days=3))
    hour = now - timedelta(hours=1)
    record(make_usage(hour, model="mini", cost_usd=None, input_tokens=1_000_000, output_tokens=0), now=now)
    lists.put("1.1", {("openai", "gpt"): "25", ("openai", "mini"): "1.5"}, SECOND | {("groq", "new"): "3"})
    lists.check(now)
    return lists


def text(client: Client, path: str = PAGE, **data: str) -> str:
    answer = client.get(path, data)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_shows_what_would_change(found: Lists, signed_in: SignIn, bob: User) -> None:
    page = text(signed_in(bob))

    assert "1 wait for a decision" in page
    assert "2 ready to apply" in page
    assert "input: 2.5 → <strong>25</strong> (×&nbsp;10)" in page
    assert "input: 1 → <strong>1.5</strong> (×&nbsp;1.5)" in page
    assert 'title="$0.50"' in page
    assert "genai-prices 1.1: ready 1, waiting for a decision 1." in page


def test_deciding_applying_and_undoing(found: Lists, signed_in: SignIn, bob: User) -> None:
    browser = signed_in(bob)
    waiting = ListChange.objects.get(name="gpt")
    assert browser.post(f"{PAGE}/changes/{waiting.id}/accept").status_code == 303
    assert "3 ready to apply" in text(browser)

    browser.post(f"{PAGE}/apply")
    page = text(browser)
    assert "Applied 2 prices of genai-prices and 1 prices of litellm. They hold from now on." in page
    assert "Nothing waits" in page
    edition = PriceListEdition.objects.get(source="genai-prices", version="1.1")
    browser.post(f"{PAGE}/editions/{edition.id}/undo")
    assert "Set back 2 prices from now on." in text(browser)


def test_rejecting_is_remembered_and_can_be_taken_back(found: Lists, signed_in: SignIn, bob: User) -> None:
    browser = signed_in(bob)
    change = ListChange.objects.get(name="gpt")
    browser.post(f"{PAGE}/changes/{change.id}/reject")

    assert '<h2 id="rejected-title">Rejected</h2>' in text(browser)
    browser.post(f"{PAGE}/changes/{change.id}/accept")
    assert ListChange.objects.get(name="gpt").state == "accepted"


def test_a_check_is_asked_for_and_told_of_until_it_is_done(lists: Lists, signed_in: SignIn, bob: User) -> None:
    browser = signed_in(bob)
    lists.load(timezone.now())
    browser.post(f"{PAGE}/check")

    assert "Looking for new prices." in text(browser)
    assert 'hx-trigger="every 2s"' in text(browser, f"{PAGE}/state")
    browser.post(f"{PAGE}/check")
    assert "The price lists are being checked just now. Nothing was changed." in text(browser)
    work_on_check(now=timezone.now())
    assert "The check is finished." in text(browser, f"{PAGE}/state")
    assert "hx-trigger" not in text(browser, f"{PAGE}/state")
    assert "genai-prices 1.0: nothing new." in text(browser)


def test_an_old_edition_is_called_stale(lists: Lists, signed_in: SignIn, bob: User) -> None:
    lists.load(timezone.now())
    PriceListEdition.objects.update(taken_on=timezone.now().date() - timedelta(days=15))

    assert '<span class="badge warn">15 days old</span>' in text(signed_in(bob))


def test_what_is_not_there_is_404_and_what_is_done_is_said(found: Lists, signed_in: SignIn, bob: User) -> None:
    browser = signed_in(bob)
    for path in ("changes/987654/accept", "changes/987654/reject", "editions/987654/undo"):
        assert browser.post(f"{PAGE}/{path}").status_code == 404
    change = ListChange.objects.get(name="mini")
    apply_changes(caller=bob.caller(), now=timezone.now())
    browser.post(f"{PAGE}/changes/{change.id}/reject")
    assert "This price is applied already. Nothing was changed." in text(browser)


def test_an_analyst_reads_and_one_limited_to_projects_sees_no_use(
    found: Lists, signed_in: SignIn, ann: User, carol: User
) -> None:
    assert "Apply 2" not in text(signed_in(ann))
    assert "Effect, 30 days" in text(signed_in(ann))
    assert "Effect, 30 days" not in text(signed_in(carol))
    assert "Tokens" not in text(signed_in(carol), "/prices/disagreements", show="all")


def test_disagreements_by_what_they_are_worth(lists: Lists, signed_in: SignIn, bob: User) -> None:
    now = timezone.now()
    lists.put("1.0", FIRST, SECOND | {("openai", "gpt"): "3", ("openai", "mini"): "0.8"})
    lists.load(now - timedelta(days=1))
    hour = now - timedelta(hours=1)
    record(
        make_usage(hour, model="gpt", cost_usd=None, input_tokens=1_000_000, output_tokens=0),
        make_usage(hour, model="gpt", cost_usd=None, input_tokens=1, output_tokens=7, service_tier="batch"),
        now=now,
    )
    lists.check(now)

    row = ListComparison.objects.get(name="gpt")
    assert (row.calls, row.tokens, row.unit, row.ratio) == (2, 1_000_008, "input_tokens", Decimal("1.2"))
    # 1,000,001 at 2.5 or 3 and 7 at 10 $/M
    assert (row.first_usd, row.second_usd) == (Decimal("2.5000725"), Decimal("3.000073"))
    browser = signed_in(bob)
    page = text(browser, "/prices/disagreements")
    assert "1 model" in page
    assert 'title="$0.5000005"' in page
    assert "2 models" in text(browser, "/prices/disagreements", show="all")


def test_using_one_list_s_price_makes_it_an_own_price(lists: Lists, signed_in: SignIn, bob: User) -> None:
    now = timezone.now()
    lists.put("1.0", FIRST, SECOND | {("openai", "gpt"): "3"})
    lists.load(now - timedelta(days=1))
    lists.check(now)
    row = ListComparison.objects.get()
    browser = signed_in(bob)

    assert browser.post(f"/prices/disagreements/{row.id}/use/litellm").status_code == 303
    own = OwnPrice.objects.select_related("price").get()
    assert (own.price.input_usd_per_mtok, own.note) == (Decimal(3), "the price of litellm 1.0")
    browser.post(f"/prices/disagreements/{row.id}/use/nobody")
    assert "nobody has no price for this model. Nothing was changed." in text(browser, "/prices/disagreements")
    assert browser.post("/prices/disagreements/987654/use/litellm").status_code == 404
    assert (OwnPrice.objects.count(), Price.objects.filter(source="own").count()) == (1, 1)


def test_before_anything_was_compared(signed_in: SignIn, bob: User) -> None:
    assert "Not compared yet" in text(signed_in(bob), "/prices/disagreements")
    assert "Not loaded" in text(signed_in(bob))


def test_the_number_of_queries_does_not_grow(found: Lists, signed_in: SignIn, bob: User) -> None:
    browser = signed_in(bob)
    with CaptureQueriesContext(connection) as before:
        text(browser)
    edition = PriceListEdition.objects.filter(source="litellm").last()
    LanguageModel.objects.bulk_create(LanguageModel(provider_id="groq", name=f"m{n}") for n in range(60))
    many = [
        ListChange(source="litellm", kind="new_model", provider="groq", name=f"m{n}", fingerprint=f"{n}", state="open",
                   edition=edition, after={}, rates={})
        for n in range(60)
    ]  # fmt: skip
    ListChange.objects.bulk_create(many)
    with CaptureQueriesContext(connection) as after:
        text(browser)
    assert len(after) <= len(before) + 1
