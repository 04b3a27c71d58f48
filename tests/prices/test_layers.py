"""Own prices in the database: never two at once, each change seen by the next question, lists below."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from apps.costs.models import LanguageModel, OwnPrice, Price
from apps.costs.selectors.rate_book import current_rate_book, current_version
from tests.costs.posting import load_prices

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def own(rate: str, since: int | None, until: int | None, name: str = "gpt-4.1") -> OwnPrice:
    """An own price of so many dollars from day to day after START."""
    model = LanguageModel.objects.get(name=name)
    usd = Decimal(rate)
    price = Price.objects.create(model=model, source="own", input_usd_per_mtok=usd, output_usd_per_mtok=usd)
    lower, upper = (None if day is None else START + day * DAY for day in (since, until))
    return OwnPrice.objects.create(model=model, price=price, during=DateTimeTZRange(lower, upper), created_by="bob")


def input_rate(day: float, provider: str = "openai", name: str = "gpt-4.1") -> Decimal | None:
    match = current_rate_book().lookup(provider, name, START + day * DAY)
    femto = match.card.charge(1_000_000, 0)[0] if match else None
    return None if femto is None else Decimal(femto).scaleb(-15)


def test_an_own_price_holds_between_the_lists(db: None) -> None:
    load_prices()
    own("5", 2, 4)
    own("6", 4, None)
    assert [input_rate(day) for day in (1, 2, 3.99, 4, 400)] == [2, 5, 5, 6, 6]


@pytest.mark.parametrize("since, until", [(3, 5), (None, 3), (2, 4), (3, None), (None, None)])
def test_two_at_once_are_refused_by_the_database(since: int | None, until: int | None) -> None:
    load_prices()
    own("5", 2, 4)
    with pytest.raises(IntegrityError, match="own_prices_never_overlap"), transaction.atomic():
        own("6", since, until)
    own("6", since, until, name="gift")


def test_no_time_at_all_is_refused() -> None:
    load_prices()
    with pytest.raises(IntegrityError, match="own_price_holds_some_time"), transaction.atomic():
        own("5", 2, 2)


def test_every_change_raises_the_version() -> None:
    load_prices()
    versions = [current_version()]
    row = own("5", 2, None)
    versions.append(current_version())
    OwnPrice.objects.filter(id=row.id).update(during=DateTimeTZRange(START, START + DAY))
    versions.append(current_version())
    row.delete()
    versions.append(current_version())
    assert versions == sorted(set(versions))


def test_one_taken_away_leaves_the_list() -> None:
    load_prices()
    row = own("5", None, None)
    assert input_rate(1) == 5
    row.delete()
    assert input_rate(1) == 2


def test_the_second_list_fills_what_the_first_leaves_open() -> None:
    load_prices()
    gift = LanguageModel.objects.get(name="gift")
    new = LanguageModel.objects.create(provider_id="groq", name="new")
    for model in (gift, new):
        Price.objects.create(model=model, source="litellm", input_usd_per_mtok=9, output_usd_per_mtok=9)
    assert [input_rate(0, "groq", name) for name in ("gift", "new")] == [0, 9]
