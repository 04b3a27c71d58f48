"""The price book as a file: what is exported comes back as it was; a diff first, errors by line, one undo for all."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller
from apps.access.models import User
from apps.costs.domain.price_csv import COLUMNS, LineError, PriceLine, cells, read_lines
from apps.costs.domain.pricing import Rates, ServiceTier, Tiered, Window
from apps.costs.models import LanguageModel, OwnPrice, PriceChange
from apps.costs.selectors.price_export import export_lines
from apps.costs.services.price_book.changes import undo_change
from apps.costs.services.price_book.importing import import_own_prices, plan_import
from apps.costs.services.price_book.own import Term, create_model, set_own_price
from tests.costs.posting import load_prices
from tests.prices.test_editor import hidden, text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def admin(bob: User) -> Caller:
    load_prices()
    return bob.caller()


def file(*lines: str) -> str:
    return "\n".join(["provider,model,from,until,input,output,note", *lines])


def bring(admin: Caller, text: str) -> PriceChange | None:
    return import_own_prices(caller=admin, text=text, zone=BERLIN, now=NOW)


def kinds(text: str) -> list[tuple[str, str]]:
    plan = plan_import(text=text, zone=BERLIN, now=NOW)
    assert plan.errors == []
    return sorted((one.kind, one.model.name) for one in plan.differences)


def own() -> list[tuple[str, datetime | None, datetime | None, Decimal | None]]:
    rows = OwnPrice.objects.order_by("model__name", "during").select_related("model", "price")
    return [(row.model.name, row.during.lower, row.during.upper, row.price.input_usd_per_mtok) for row in rows]


def put(admin: Caller, name: str, rate: str, start: datetime | None, end: datetime | None = None) -> None:
    rates = Rates({"input_tokens": Decimal(rate), "output_tokens": Decimal(rate)})
    model = LanguageModel.objects.get(name=name)
    set_own_price(caller=admin, model_id=model.pk, rates=rates, term=Term(start, end), now=NOW, note="n")


def test_the_diff_names_every_kind_and_undo_takes_all_of_it_back(admin: Caller) -> None:
    put(admin, "gpt-4.1", "3", None, NOW)
    put(admin, "gpt-4.1", "4", NOW, NOW + DAY)
    put(admin, "gift", "1", NOW)
    before = own()
    sent = file(
        "openai,gpt-4.1,,2026-11-22T12:00:00Z,3,3,n",
        "openai,gpt-4.1,2026-12-01,,5,5,",
        "OpenAI,GPT-4.1,2026-11-22T12:00:00Z,2026-11-24,4,4,n",
        "google,gemini-2.5-pro,,,1,9,",
    )
    assert kinds(sent) == [
        ("added", "gemini-2.5-pro"), ("added", "gpt-4.1"), ("changed", "gpt-4.1"), ("unchanged", "gpt-4.1"),
    ]  # fmt: skip
    change = bring(admin, sent)
    assert change is not None
    assert change.words == "Own prices of 2 models imported: 2 added, 1 changed"
    assert own() == [
        ("gemini-2.5-pro", None, None, Decimal(1)),
        ("gift", NOW, None, Decimal(1)),
        ("gpt-4.1", None, NOW, Decimal(3)),
        ("gpt-4.1", NOW, datetime(2026, 11, 23, 23, tzinfo=UTC), Decimal(4)),
        ("gpt-4.1", datetime(2026, 11, 30, 23, tzinfo=UTC), None, Decimal(5)),
    ]
    assert bring(admin, sent) is None
    assert kinds(file("openai,gpt-4.1,,2026-11-22T12:00:00Z,3,3,n")) == [
        ("ended", "gpt-4.1"), ("ended", "gpt-4.1"), ("unchanged", "gpt-4.1"),
    ]  # fmt: skip
    undo_change(caller=admin, change_id=change.pk)
    assert own() == before


def test_an_export_comes_back_unchanged(admin: Caller) -> None:
    put(admin, "gpt-4.1", "3", None)
    put(admin, "gpt-4.1", "4", NOW, NOW + DAY)
    odd = create_model(caller=admin, provider="openai", name="@cf/odd")
    rates = Rates(
        {"input_tokens": Tiered(Decimal(1), ((200_000, Decimal(2)),)), "output_tokens": Decimal("0.000000001")},
        {"batch": ServiceTier({"output_tokens": Decimal(3)}), "flex": ServiceTier(multiplier=Decimal("0.5"))},
        (Window(30, 990, {"input_tokens": Decimal(3)}),),
    )
    set_own_price(caller=admin, model_id=odd.pk, rates=rates, term=Term(NOW, None), now=NOW)
    rows = list(export_lines(NOW))
    sources = [row[2] for row in rows[1:]]
    assert (sources.count("own"), sources.count("tests")) == (4, 3)
    client = Client()
    client.force_login(User.objects.get(email="bob@example.org"), backend="django.contrib.auth.backends.ModelBackend")
    sent = client.get("/prices.csv").getvalue().decode()
    assert "'@cf/odd" in sent
    plan = plan_import(text=sent, zone=BERLIN, now=NOW)
    assert (plan.errors, plan.left_out, {one.kind for one in plan.differences}) == ([], 3, {"unchanged"})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("openai,nothing,,,1,1,", "The price book has no openai/nothing; make it first."),
        ("openai,gpt-4.1,,,x,1,", "Input is no amount"),
        ("openai,gpt-4.1,,,-1,1,", "Input is no amount"),
        ("openai,gpt-4.1,,,1e-10,1,", "Input is no amount"),
        ("openai,gpt-4.1,,,NaN,1,", "Input is no amount"),
        ("openai,gpt-4.1,,,,,", "0 is a price"),
        ('openai,gpt-4.1,,,"0,25",1,', "Input is no amount"),
        ('openai,gpt-4.1,,,"12,34,567",1,', "Input is no amount"),
        ("openai,gpt-4.1,,,0,25,1,x", "It has more cells than the heading."),
        ("openai,gpt-4.1,soon,,1,1,", "From is neither a day"),
        ("openai,gpt-4.1,2026-11-01T00:00:00,,1,1,", "From has no offset"),
        ("openai,gpt-4.1,2026-11-02,2026-11-01,1,1,", "It must end after it begins."),
        ("openai,gpt-4.1,,,1,1,\nopenai,gpt-4.1,2026-11-01,,2,2,", "It overlaps with line 2"),
    ],
)
def test_errors_name_their_line_and_nothing_is_imported(admin: Caller, line: str, words: str) -> None:
    plan = plan_import(text=file(line), zone=BERLIN, now=NOW)
    assert [words in error.message for error in plan.errors] == [True]
    assert plan.errors[0].line == 1 + len(line.split("\n"))
    with pytest.raises(Refused, match="Nothing was imported"):
        bring(admin, file(line, "groq,gift,,,1,1,"))
    assert own() == []


def test_odd_files(admin: Caller) -> None:
    def first_error(text: str, most: int = 10) -> str:
        found = next(one for one in read_lines(text, BERLIN, most) if isinstance(one, LineError))
        return found.message

    assert "no column model" in first_error("provider\nopenai\n")
    assert "No column is called 'price'" in first_error("provider,model,price\n")
    assert "More than 1 lines" in first_error(file("openai,a,,,1,1,", "openai,b,,,1,1,"), most=1)
    limit = csv.field_size_limit(1000)
    try:
        assert "This is no CSV: field larger" in first_error(file('openai,a,,,1,1,"' + "x" * 1001 + '"'))
    finally:
        csv.field_size_limit(limit)
    assert "has input twice" in first_error("provider,model,input,input\nopenai,a,1,2\n")
    assert "more is not" in first_error('provider,model,input,more\nopenai,a,1,"[1]"\n').lower()


AMOUNT = st.decimals(0, 10**6, places=9)


@given(AMOUNT, AMOUNT, st.integers(1, 10**6))
def test_rates_come_back_exactly(first: Decimal, second: Decimal, threshold: int) -> None:
    rates = Rates(
        {"input_tokens": first, "output_tokens": Tiered(second, ((threshold, first),)), "requests": second},
        {"batch": ServiceTier(multiplier=Decimal("0.5"))},
    )
    row = {"provider": "p", "model": "m", **cells(rates)}
    line = ",".join(f'"{row.get(column, "").replace(chr(34), chr(34) * 2)}"' for column in COLUMNS)
    (found,) = read_lines(",".join(COLUMNS) + "\n" + line, BERLIN, 10)
    assert isinstance(found, PriceLine)
    assert found.rates == rates


def test_the_page_shows_the_diff_before_it_imports(admin: Caller, bob: User, ann: User, signed_in: SignIn) -> None:
    client = signed_in(bob)
    sent = SimpleUploadedFile("prices.csv", file("openai,gpt-4.1,,,0.003,9,=1+1").encode())
    looked = client.post("/prices/import", {"file": sent, "step": "preview"})
    page = text(looked)
    assert "openai/gpt-4.1 Added the beginning further notice 0.003 9 2" in page
    assert "Line 2, Input: $0.003 looks like a price per 1,000 tokens" in page
    assert own() == []
    assert client.post("/prices/import", hidden(looked) | {"step": "save"}).status_code == 422
    assert client.post("/prices/import", hidden(looked) | {"step": "save", "sure": "1"}).status_code == 303
    assert own() == [("gpt-4.1", None, None, Decimal("0.003"))]
    assert "Own prices of 1 model imported: 1 added" in text(client.get("/prices/import"))
    for wrong in (
        {},
        {"file": SimpleUploadedFile("x", b"\xff\xfe\x00")},
        {"file": SimpleUploadedFile("x", b"a" * 2**21)},
    ):
        assert client.post("/prices/import", wrong).status_code == 422
    assert signed_in(ann).get("/prices/import").status_code == 403
    rows = list(csv.DictReader(signed_in(ann).get("/prices.csv").getvalue().decode().splitlines()))
    assert (rows[0]["source"], rows[0]["note"]) == ("own", "'=1+1")
