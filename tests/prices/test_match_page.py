"""The match test: one name by its address, several by a form, CSV, and the same over the API."""

import csv
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from tests.cast import HeldKey
from tests.costs.posting import load_prices
from tests.prices import acts

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def small_book(db: None) -> None:
    load_prices()


@pytest.fixture
def browser(ann: User, signed_in: SignIn) -> Client:
    return signed_in(ann)


def text(answer: Any) -> str:
    shown: str = answer.content.decode()
    return shown


def test_the_empty_page_offers_examples(browser: Client) -> None:
    answer = browser.get("/prices/match")
    assert answer.status_code == 200
    assert "Which price would it get?" in text(answer)


def test_it_works(browser: Client) -> None:
    shown = text(browser.get("/prices/match", {"name": "openai/gpt-4.1-2025-04-14", "on": "2026-11-01"}))

    assert "openai/gpt-4.1</h2>" in shown
    assert "it is a snapshot of the model" in shown
    assert '<strong title="$0.0048">$0.0048</strong>' in shown
    assert "First public list: tests 1" in shown
    assert "without the date" in shown


def test_discounts_and_subscriptions_are_told_as_what_they_are(browser: Client) -> None:
    acts.adjustment()
    discounted = text(browser.get("/prices/match", {"name": "openai/gpt-4.1"}))
    assert "Discount or margin: adjusted" in discounted
    assert "$1.90" in discounted

    acts.subscription()
    assert "Subscription: subscription" in text(browser.get("/prices/match", {"name": "openai/gpt-4.1"}))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"name": "kyma/gpt-4.1"}, "The price book has no provider “kyma”."),
        ({"name": "gpt-4.1-mini", "provider": "openai"}, "“-mini” makes it another model"),
        ({"name": "gpt-4.1"}, "It is listed at <a href="),
        ({"name": "<b>", "provider": "openai"}, "No list has a model of this name"),
        ({"name": "gpt-4.1", "provider": "openai", "on": "soon"}, "soon is no day. Today's price is shown."),
    ],
)
def test_what_it_says_otherwise(browser: Client, query: dict[str, str], words: str) -> None:
    answer = browser.get("/prices/match", query)
    assert answer.status_code == 200
    assert words in text(answer)


PASTED = "openai/gpt-4.1\n\nanthropic,claude-sonnet-4-5\ngoogle\tgemini-2.5-pro\nopenai;=cmd()\n"


def test_a_list_as_a_table(browser: Client) -> None:
    shown = text(browser.post("/prices/match/list", {"names": PASTED}))
    assert "3 of 4 have a price" in shown


def test_a_list_as_csv(browser: Client) -> None:
    answer = browser.post("/prices/match/list", {"names": PASTED, "format": "csv"})

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(text(answer), newline="")))
    assert [(row["name"], row["matched_model"], row["example_cost_usd"]) for row in rows] == [
        ("openai/gpt-4.1", "gpt-4.1", "0.004800000000000"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5", "0.008100000000000"),
        ("gemini-2.5-pro", "gemini-2.5-pro", "0.004500000000000"),
        ("'=cmd()", "", ""),
    ]
    assert rows[3]["reason_code"] == "not_listed"


@pytest.mark.parametrize("names", ["", " \n", "x\n" * 501])
def test_lists_that_are_refused(browser: Client, names: str) -> None:
    answer = browser.post("/prices/match/list", {"names": names})
    assert answer.status_code == 422
    assert "Nothing was tested" in text(answer)


def test_the_longest_list_takes_few_queries(browser: Client, django_assert_max_num_queries: Any) -> None:
    names = "\n".join(f"openai,gpt-4.1-{number}" for number in range(500))
    with django_assert_max_num_queries(12):
        assert browser.post("/prices/match/list", {"names": names}).status_code == 200


def test_the_api_says_the_same(admin_key: HeldKey) -> None:
    told = admin_key.client.get("/api/prices/match", {"model": "openai/gpt-4.1-2025-04-14"}).json()

    assert (told["match"]["model"], told["match"]["why"], told["price"]["source"]) == ("gpt-4.1", "dated", "tests")
    assert told["tried"][-1] == {
        "provider": "openai",
        "by": "name",
        "spellings": ["gpt-4.1"],
        "found": "gpt-4.1",
        "refused": False,
    }
    missed = admin_key.client.get("/api/prices/match", {"model": "gpt-4.1-mini", "provider": "openai"}).json()
    assert (missed["match"], missed["reason_code"]) == (None, "another_model")
    assert missed["near_misses"] == [{"provider": "openai", "model": "gpt-4.1", "differs": "-mini"}]


@pytest.mark.parametrize("query", [{}, {"model": "x" * 129}, {"model": "a", "at": "soon"}])
def test_the_api_names_what_is_wrong(admin_key: HeldKey, query: dict[str, str]) -> None:
    assert admin_key.client.get("/api/prices/match", query).status_code == 422
