"""Discounts and margins in the database and on their page: written out as prices, kept up with the lists, undone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test import Client

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.models import User
from apps.costs.domain.pricing import Rates
from apps.costs.models import DerivedPrice, Price, PriceAdjustment, PriceChange
from apps.costs.selectors.rate_book import current_rate_book, current_version
from apps.costs.services.price_book.adjustments import add_adjustment, end_adjustment
from apps.costs.services.price_book.changes import undo_change
from apps.costs.services.price_book.materialising import materialise
from apps.costs.services.price_book.own import Term, set_own_price
from tests.costs.posting import load_prices
from tests.prices.test_editor import hidden, path, text
from tests.usage import call, report

START = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def admin(bob: User) -> Caller:
    load_prices()
    return bob.caller()


def add(
    admin: Caller,
    percent: str,
    since: int | None = 0,
    until: int | None = None,
    model: str = "",
    provider: str = "openai",
) -> PriceChange:
    start, end = (None if day is None else START + day * DAY for day in (since, until))
    return add_adjustment(
        caller=admin, provider=provider, model=model, percent=Decimal(percent), term=Term(start, end), now=NOW
    )


def input_rates(*days: float, name: str = "gpt-4.1", provider: str = "openai") -> list[Decimal | None]:
    book = current_rate_book()
    found = [book.lookup(provider, name, START + day * DAY) for day in days]
    return [Decimal(match.card.charge(10**6, 0)[0] or 0).scaleb(-15) if match else None for match in found]


def test_it_works(admin: Caller) -> None:
    change = add(admin, "-15", 0, 10)
    assert change.words == "-15 % on openai from 2026-06-01 00:00 UTC until 2026-06-11 00:00 UTC"
    assert input_rates(-1, 0, 9.9, 10) == [2, Decimal("1.7"), Decimal("1.7"), 2]
    price = Price.objects.get(source="adjusted")
    assert (price.factor, price.output_usd_per_mtok, price.cache_read_usd_per_mtok) == (
        Decimal("0.85"), Decimal("6.8"), Decimal("0.425"),
    )  # fmt: skip
    assert price.derived_from is not None
    assert price.derived_from.source == "tests"
    assert input_rates(1, provider="groq", name="gift") == [0]


def test_the_model_wins_over_its_provider(admin: Caller) -> None:
    add(admin, "-15")
    add(admin, "20", 2, 4, model="GPT-4.1")
    assert input_rates(1, 2, 4) == [Decimal("1.7"), Decimal("2.4"), Decimal("1.7")]


def test_an_own_price_is_never_touched(admin: Caller) -> None:
    add(admin, "-50")
    model = Price.objects.get(input_usd_per_mtok=2, source="tests").model_id
    rates = Rates({"input_tokens": Decimal(5), "output_tokens": Decimal(5)})
    set_own_price(caller=admin, model_id=model, rates=rates, term=Term(START + DAY, None), now=NOW)
    assert input_rates(0, 1) == [1, 5]


def test_a_new_list_price_is_adjusted_in_the_same_transaction(admin: Caller) -> None:
    add(admin, "-10")
    cheaper = Rates({"input_tokens": Decimal(1), "output_tokens": Decimal(4)})
    load_prices({("openai", "gpt-4.1"): cheaper}, effective_from=START + 5 * DAY, version="2")
    assert input_rates(4, 5) == [Decimal("1.8"), Decimal("0.9")]
    assert DerivedPrice.objects.count() >= 2


def test_working_it_out_again_changes_nothing(admin: Caller) -> None:
    add(admin, "-10")
    before = (current_version(), Price.objects.count(), list(DerivedPrice.objects.values_list("id")))
    materialise()
    assert (current_version(), Price.objects.count(), list(DerivedPrice.objects.values_list("id"))) == before


def test_ending_and_undoing(admin: Caller) -> None:
    added = add(admin, "-10")
    row = PriceAdjustment.objects.get()
    ended = end_adjustment(caller=admin, adjustment_id=row.pk, at=START + 3 * DAY)
    assert ended is not None
    assert input_rates(2, 3) == [Decimal("1.8"), 2]
    assert end_adjustment(caller=admin, adjustment_id=row.pk, at=START + 3 * DAY) is None
    with pytest.raises(Conflict):
        undo_change(caller=admin, change_id=added.pk)
    undo_change(caller=admin, change_id=ended.pk)
    assert input_rates(2, 3) == [Decimal("1.8"), Decimal("1.8")]
    gone = undo_change(caller=admin, change_id=added.pk)
    assert input_rates(2) == [2]
    assert (PriceAdjustment.objects.count(), DerivedPrice.objects.count()) == (0, 0)
    prices = Price.objects.count()
    undo_change(caller=admin, change_id=gone.pk)
    assert (input_rates(2), PriceAdjustment.objects.get().pk, Price.objects.count()) == (
        [Decimal("1.8")],
        row.pk,
        prices,
    )


def test_one_that_has_not_begun_is_taken_away(admin: Caller) -> None:
    add(admin, "-10", 5)
    end_adjustment(caller=admin, adjustment_id=PriceAdjustment.objects.get().pk, at=START)
    assert not PriceAdjustment.objects.exists()


@pytest.mark.parametrize("model", ["", "gpt-4.1"])
def test_two_of_one_scope_never_overlap(admin: Caller, model: str) -> None:
    add(admin, "-10", 2, 4, model=model)
    with pytest.raises(Conflict, match="end it first"):
        add(admin, "-20", 3, 5, model=model)
    row = PriceAdjustment.objects.get()
    with pytest.raises(IntegrityError, match="never_overlap"), transaction.atomic():
        PriceAdjustment.objects.create(
            provider_id=row.provider_id, model_id=row.model_id, percent=1, during=DateTimeTZRange(None, None),
            created_by="x",
        )  # fmt: skip
    add(admin, "-20", 4, 5, model=model)
    add(admin, "-10", 2, 4, provider="groq")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"percent": "-100.0001"}, "out_of_bounds"),
        ({"percent": "1000.1"}, "out_of_bounds"),
        ({"percent": "0"}, "out_of_bounds"),
        ({"percent": "5", "provider": "nobody"}, "unknown"),
        ({"percent": "5", "model": "gift"}, "unknown"),
    ],
)
def test_what_makes_no_sense_is_refused(admin: Caller, fields: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        add(admin, **fields)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_the_page_previews_saves_ends_and_undoes(admin: Caller, bob: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(bob)
    one = call(datetime.now(UTC) - timedelta(hours=2), input_tokens=10**6, output_tokens=0)
    del one["cost_usd"]
    report([one], datetime.now(UTC))
    typed = {"provider": "openai", "percent": "-15", "start": "2026-01-01", "step": "preview"}
    looked = client.post("/prices/adjustments/new", typed)
    assert "Difference \u2212$0.3000" in text(looked)
    assert not PriceAdjustment.objects.exists()
    assert client.post("/prices/adjustments/new", hidden(looked) | {"step": "save"}).status_code == 303
    assert "-15 % Runs" in text(client.get("/prices/adjustments"))
    assert "adjusted tests 1 × 0.85 $1.70" in text(client.get(path()))
    row = PriceAdjustment.objects.get()
    assert "Difference +$0.3000" in text(client.get(f"/prices/adjustments/{row.pk}/end"))
    client.post(f"/prices/adjustments/{row.pk}/end")
    assert input_rates(400) == [2]
    client.post(f"/prices/changes/{PriceChange.objects.latest('id').pk}/undo")
    assert input_rates(400) == [Decimal("1.7")]
    assert client.post("/prices/adjustments/new", {**typed, "percent": "2000"}).status_code == 422
