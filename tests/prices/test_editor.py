"""The page of one model: what it shows, previews that save nothing, guards, saving, undo, who may."""

import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from apps.access.domain.identity import Role
from apps.access.models import Project, User
from apps.costs.models import LanguageModel, OwnPrice, PriceChange
from tests.cast import make_person
from tests.costs.posting import load_prices
from tests.usage import call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def book(db: None) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        load_prices()
        yield


@pytest.fixture
def browser(bob: User, signed_in: SignIn) -> Client:
    return signed_in(bob)


def path(name: str = "gpt-4.1", act: str = "") -> str:
    return f"/prices/{LanguageModel.objects.get(name=name).pk}{act}"


def text(answer: Any) -> str:
    """What a person reads."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def hidden(answer: Any) -> dict[str, str]:
    """The fields a preview sends on."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.content.decode())
    return {name: html.unescape(value) for name, value in found}


def typed(**fields: str) -> dict[str, str]:
    return {"input_tokens": "3", "output_tokens": "9", "step": "preview", **fields}


def test_it_shows_the_price_in_force_and_what_held_when(browser: Client) -> None:
    page = text(browser.get(path()))
    assert "Input $2.00 $0.002" in page
    assert "1,200 in + 300 out = $0.0048" in page
    assert "Batch: 0.5 times the token rates" in page
    assert "the beginning further notice In force tests 1 $2.00 $8.00 the list" in page


def test_tiers_of_long_contexts_are_shown_and_can_be_edited(browser: Client) -> None:
    answer = browser.get(path("gemini-2.5-pro"))
    assert "$2.50 above 200,000 tokens" in text(answer)
    assert re.search(r'name="above_input_tokens" value="2.5"', answer.content.decode())


def test_a_preview_says_what_would_change_and_saves_nothing(browser: Client) -> None:
    one = call(NOW - timedelta(hours=1), input_tokens=10**6)
    del one["cost_usd"]
    report([one], NOW)
    answer = browser.post(path(act="/set"), typed(start="2026-11-01"))
    page = text(answer)
    assert "Input $2.00 $3.00 $0.003" in page
    assert "A call: 1,200 in + 300 out $0.0048 $0.0063" in page
    assert "Difference $1.00" in page.replace("+", "")
    assert "1 stored call of that time keeps the cost it was billed with until it is re-rated." in page
    assert not OwnPrice.objects.exists()


def test_what_was_previewed_is_saved_and_undone(browser: Client) -> None:
    fields = hidden(browser.post(path(act="/set"), typed(note="contract 7")))
    for _ in range(2):
        saved = browser.post(path(act="/set"), fields | {"step": "save"})
        assert saved.status_code in (303, 422)
        fields["version"] = hidden(browser.post(path(act="/set"), typed()))["version"]
    assert OwnPrice.objects.get().during.lower == NOW
    page = text(browser.get(path()))
    assert "own $3.00 $9.00 bob@example.org 0 s ago contract 7" in page
    browser.post(f"/prices/changes/{PriceChange.objects.get().pk}/undo")
    assert not OwnPrice.objects.exists()
    assert "undone" in text(browser.get(path()))


def test_a_slip_of_units_needs_a_second_yes(browser: Client) -> None:
    first = browser.post(path(act="/set"), typed(input_tokens="0.002"))
    assert "Input: $0.002 looks like a price per 1,000 tokens; per million tokens that is $2.00." in text(first)
    refused = browser.post(path(act="/set"), hidden(first) | {"step": "save"})
    assert (refused.status_code, OwnPrice.objects.count()) == (422, 0)
    assert "Nothing was saved" in text(refused)
    browser.post(path(act="/set"), hidden(first) | {"step": "save", "sure": "1"})
    assert OwnPrice.objects.count() == 1


def test_a_book_that_changed_meanwhile_is_shown_again(browser: Client) -> None:
    fields = hidden(browser.post(path(act="/set"), typed()))
    LanguageModel.objects.filter(name="gift").update(title="Gift")
    again = browser.post(path(act="/set"), fields | {"step": "save"})
    assert (again.status_code, OwnPrice.objects.count()) == (422, 0)
    assert "changed since you looked" in text(again)
    assert browser.post(path(act="/set"), hidden(again) | {"step": "save"}).status_code == 303


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input_tokens": "", "output_tokens": ""}, "0 is a price"),
        ({"input_tokens": "-1"}, "greater than or equal to 0"),
        ({"input_tokens": "NaN"}, "Enter a number"),
        ({"input_tokens": "1e-12"}, "decimal places"),
        ({"start": "2026-12-02", "end": "2026-12-01"}, "It would end before it begins."),
        ({"above_input_tokens": "5"}, "Say above how many input tokens"),
        ({"start": "0001-01-01"}, "A day between"),
    ],
)
def test_what_cannot_be_meant_is_refused(browser: Client, fields: dict[str, str], words: str) -> None:
    answer = browser.post(path(act="/set"), typed(**fields))
    assert answer.status_code == 422
    assert words in text(answer)


def test_a_tiered_price_with_a_batch_factor(browser: Client) -> None:
    fields = typed(long_context="200000", above_input_tokens="6", tier_batch="0.5", end="2026-12-31")
    browser.post(path(act="/set"), hidden(browser.post(path(act="/set"), fields)) | {"step": "save"})
    price = OwnPrice.objects.get().price
    assert (price.tiers, price.service_tiers["batch"]["multiplier"]) == ({"input_tokens": [[200000, "6"]]}, "0.5")
    assert OwnPrice.objects.get().during.upper == datetime(2027, 1, 1, tzinfo=UTC)


def test_losing_the_batch_price_is_shown(browser: Client) -> None:
    page = text(
        browser.post(path(act="/set"), typed(input_tokens="2", output_tokens="8", cache_read_input_tokens=".5"))
    )
    assert "Batch: Input $1.00 $2.00" in page


def test_ending_shows_the_effect_first(browser: Client) -> None:
    browser.post(path(act="/set"), hidden(browser.post(path(act="/set"), typed())) | {"step": "save"})
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert "Input $3.00 $2.00" in text(browser.get(path(act="/end")))
        assert OwnPrice.objects.get().during.upper is None
        browser.post(path(act="/end"))
        assert OwnPrice.objects.get().during.upper == NOW + timedelta(days=1)
        assert browser.get(path(act="/end")).status_code == 303


def test_a_new_model_with_its_price(browser: Client) -> None:
    page = browser.get("/prices/new?provider=acme&name=acme-1&from=2026-10-01")
    assert re.search(r'name="name" value="acme-1"', page.content.decode())
    looked = browser.post("/prices/new", typed(provider="acme", name="acme-1", start="2026-10-01"))
    assert not LanguageModel.objects.filter(name="acme-1").exists()
    made = browser.post("/prices/new", hidden(looked) | {"step": "save"})
    assert made["Location"] == path("acme-1")
    assert browser.get("/prices/new?provider=Acme&name=ACME-1")["Location"] == path("acme-1")
    again = browser.post("/prices/new", typed(provider="acme", name="acme-1"))
    assert "has acme/acme-1 already" in text(again)


def test_analysts_read_and_limited_admins_too(ann: User, support: Project, signed_in: SignIn) -> None:
    limited = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    for client in (signed_in(ann), limited):
        assert "Own price" not in text(client.get(path()))
        assert client.post(path(act="/set"), typed()).status_code in (403, 422)
    assert not OwnPrice.objects.exists()
