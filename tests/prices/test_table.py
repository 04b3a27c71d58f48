"""The list of models: prices in force, use lately, finding, sorting, paging, who sees what."""

import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client

from apps.access.models import User
from apps.costs.domain.pricing import Rates
from tests.costs.posting import GPT, SMALL_BOOK, load_prices
from tests.usage import call, report

NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser(ann: User, signed_in: SignIn) -> Client:
    return signed_in(ann)


def rows(client: Client, address: str = "/prices") -> list[list[str]]:
    """The cells of the table as a person reads them."""
    answer = client.get(address)
    assert answer.status_code == 200
    body = answer.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.split("</tr>")[:-1]]
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells]


def test_it_works(browser: Client) -> None:
    load_prices()
    report([call(NOW, cost_usd=None), call(NOW, cost_usd="1", model="openai/gpt-4.1")], NOW)
    assert rows(browser)[0] == ["gpt-4.1", "openai", "$2.00", "$8.00", "tests", "always", "2", "$1.00"]
    assert [row[0] for row in rows(browser)[1:]] == ["claude-sonnet-4-5", "gemini-2.5-pro", "gift"]


def test_what_its_address_does_not_know_is_told(browser: Client) -> None:
    load_prices()
    assert "does not know \u201cprovider\u201d" in browser.get("/prices?provider=openai").content.decode()
    assert "does not know" not in browser.get("/prices?q=gpt&sort=name&page=1").content.decode()


def test_a_price_of_the_future_is_not_in_force(browser: Client) -> None:
    load_prices()
    dearer = Rates({"input_tokens": Decimal(3), "output_tokens": Decimal(9)})
    load_prices({("openai", "gpt-4.1"): dearer}, effective_from=NOW + timedelta(days=9), version="2")
    assert rows(browser, "/prices?q=gpt")[0][2:6] == ["$2.00", "$8.00", "tests", "always"]
    with time_machine.travel(NOW + timedelta(days=9), tick=False):
        assert rows(browser, "/prices?q=gpt")[0][2:6] == ["$3.00", "$9.00", "tests", "2026-12-01"]


@pytest.mark.parametrize(
    ("address", "first"),
    [
        ("/prices?sort=name", "claude-sonnet-4-5"),
        ("/prices?sort=-name", "gpt-4.1"),
        ("/prices?sort=-input", "claude-sonnet-4-5"),
        ("/prices?sort=output", "gift"),
        ("/prices?sort=provider", "claude-sonnet-4-5"),
        ("/prices?q=GOOGLE gem", "gemini-2.5-pro"),
    ],
)
def test_finding_and_sorting(browser: Client, address: str, first: str) -> None:
    load_prices()
    assert rows(browser, address)[0][0] == first


def test_of_models_nobody_used_the_best_known_come_first_each_once(browser: Client) -> None:
    rates = Rates({"input_tokens": Decimal(1), "output_tokens": Decimal(2)})
    sold = [
        ("z", "01-odd/01-first"), ("router", "openai/GPT-4.1"), ("router", "a"), ("router", "b"), ("openai", "gpt-4.1"),
        ("openai", "o3"), ("azure", "o3"), ("azure", "gpt-4.1"), ("azure", "x"),
    ]  # fmt: skip
    load_prices(dict.fromkeys(sold, rates))
    shown = [(row[0], row[1]) for row in rows(browser)]
    assert shown[:3] == [("gpt-4.1", "openai"), ("o3", "openai"), ("01-odd/01-first", "z")]
    assert shown[-3:] == [("gpt-4.1", "azure"), ("openai/GPT-4.1", "router"), ("o3", "azure")]
    report([call(NOW, cost_usd="1", model="x", provider="azure")], NOW)
    assert [row[:2] for row in rows(browser)[:3]] == [["x", "azure"], ["gpt-4.1", "azure"], ["o3", "azure"]]


def test_what_nobody_makes_is_not_found(browser: Client) -> None:
    load_prices()
    page = browser.get("/prices?q=nothing-like-it&sort=bogus&page=7").content.decode()
    assert "No model is called that" in page


def test_an_empty_book_says_how_to_fill_it(browser: Client) -> None:
    assert "load_prices" in browser.get("/prices").content.decode()


def test_pages(browser: Client) -> None:
    load_prices({("openai", f"gpt-{number:03}"): GPT for number in range(60)})
    assert [row[0] for row in rows(browser, "/prices?sort=name&page=2")] == [f"gpt-{n:03}" for n in range(50, 60)]


def test_a_person_limited_to_a_project_sees_only_its_use(carol: User, signed_in: SignIn) -> None:
    load_prices(SMALL_BOOK)
    report([call(NOW, cost_usd="2", project="support"), call(NOW, cost_usd="40", project="sales")], NOW)
    assert rows(signed_in(carol))[0][6:] == ["1", "$2.00"]
