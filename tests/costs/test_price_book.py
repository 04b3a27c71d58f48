"""Loading price lists: appended, idempotent, dated; and what the database itself refuses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from apps.costs.domain.matching import Rule
from apps.costs.domain.pricing import Rate, Rates, ServiceTier, Tiered, Window
from apps.costs.models import LanguageModel, Price, PriceBookState, Provider
from apps.costs.selectors.rate_book import current_rate_book, current_version, rate_book, rates_of
from apps.costs.services.price_book import Loaded, load_list
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def cost(input: str, output: str = "10", since: datetime | None = None, **more: Rate) -> ListedPrice:
    rates: dict[str, Rate] = {"input_tokens": Decimal(input), "output_tokens": Decimal(output)}
    return ListedPrice(since, Rates(rates | more))


def listed(*prices: ListedPrice, name: str = "gpt", rule: Rule | None = None, title: str = "GPT") -> PriceList:
    model = ListedModel(name, title, 128_000, False, rule, prices)
    return PriceList("test-list", "1.0", date(2026, 4, 30), [ListedProvider("openai", "OpenAI", (), [model])])


def input_rates() -> list[tuple[datetime | None, Decimal | None]]:
    return list(Price.objects.order_by("id").values_list("effective_from", "input_usd_per_mtok"))


def test_it_works() -> None:
    assert load_list(listed=listed(cost("2.5")), now=NOW) == Loaded(providers=1, models=1, prices=1)

    price = Price.objects.select_related("model__provider").get()
    assert (price.model.provider.name, price.model.name, price.model.context_window) == ("OpenAI", "gpt", 128_000)
    assert (price.source, price.source_version, price.source_date) == ("test-list", "1.0", date(2026, 4, 30))
    assert (price.effective_from, price.input_usd_per_mtok, price.cache_read_usd_per_mtok) == (
        None,
        Decimal("2.5"),
        None,
    )


def test_loading_again_adds_nothing_and_keeps_the_version() -> None:
    prices = listed(cost("2.5"), cost("2", since=JUNE))
    load_list(listed=prices, now=NOW)
    version = current_version()

    assert load_list(listed=prices, now=NOW + timedelta(days=90)) == Loaded(0, 0, 0)
    assert current_version() == version


def test_everything_a_price_can_say_comes_back_as_it_was() -> None:
    rates = Rates(
        {
            "input_tokens": Tiered(Decimal("2.5"), ((200_000, Decimal(5)),)),
            "output_tokens": Decimal(10),
            "cache_read_input_tokens": Decimal("0.25"),
            "input_audio_tokens": Tiered(Decimal(40), ((200_000, Decimal(80)),)),
            "reasoning_output_tokens": Tiered(None, ((200_000, Decimal(20)),)),
            "web_searches": Decimal(10),
            "storage_searches": Decimal("2.5"),
        },
        {"batch": ServiceTier({"input_tokens": Decimal("1.25")}), "flex": ServiceTier(multiplier=Decimal("0.5"))},
        (Window(30, 990, {"input_tokens": Decimal(3), "cache_read_input_tokens": None}),),
    )
    load_list(listed=listed(ListedPrice(None, rates, {"audio_hours": "3"})), now=NOW)

    price = Price.objects.get()
    assert rates_of(price) == rates
    assert price.unbilled == {"audio_hours": "3"}


def test_a_finer_rate_is_rounded_once_and_its_text_kept() -> None:
    load_list(listed=listed(cost("0.08333333333333334")), now=NOW)

    price = Price.objects.get()
    assert price.input_usd_per_mtok == Decimal("0.083333333")
    assert price.rounded == {"base.input_tokens": "0.08333333333333334"}


def test_a_price_that_changed_without_a_date_holds_from_the_load() -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)
    later = NOW + timedelta(days=1)

    assert load_list(listed=listed(cost("2")), now=later).prices == 1
    assert load_list(listed=listed(cost("2")), now=later + timedelta(days=1)).prices == 0
    assert input_rates() == [(None, Decimal("2.5")), (later, Decimal(2))]


def test_a_dated_change_holds_from_its_date() -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)

    assert load_list(listed=listed(cost("2.5"), cost("2", since=JUNE)), now=JULY).prices == 1
    assert input_rates() == [(None, Decimal("2.5")), (JUNE, Decimal(2))]


def test_a_dated_change_after_an_undated_one_still_ends_at_the_lists_price() -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)
    load_list(listed=listed(cost("2")), now=JULY)
    later = JULY + timedelta(days=1)

    load_list(listed=listed(cost("2.5"), cost("1", since=JUNE)), now=later)
    assert input_rates()[2:] == [(JUNE, Decimal(1)), (later, Decimal(1))]


def test_a_price_announced_for_later_may_still_be_corrected() -> None:
    load_list(listed=listed(cost("2.5"), cost("2", since=JULY)), now=NOW)

    assert load_list(listed=listed(cost("2.5"), cost("3", since=JULY)), now=JUNE).prices == 1
    match = current_rate_book().lookup("openai", "gpt", JULY)
    assert match is not None
    assert match.card.charge(1, 0)[0] == 3 * 10**9


def test_the_past_of_a_known_price_is_never_rewritten() -> None:
    load_list(listed=listed(cost("2.5"), cost("2", since=JUNE)), now=JULY)

    assert load_list(listed=listed(cost("9"), cost("2", since=JUNE)), now=JULY) == Loaded(0, 0, 0)


def test_a_model_that_is_new_in_a_later_list_has_its_price_from_then() -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)
    load_list(listed=listed(cost("7"), name="gpt-next"), now=JUNE)

    assert input_rates()[1:] == [(JUNE, Decimal(7))]


def test_a_changed_model_is_updated_and_raises_the_version() -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)
    version = current_version()

    rule: Rule = {"or": [{"equals": "GPT-Latest"}, {"equals": "gpt"}, {"starts_with": "gpt-2"}]}
    assert load_list(listed=listed(cost("2.5"), rule=rule), now=NOW) == Loaded(0, 1, 0)
    model = LanguageModel.objects.get()
    assert (model.aliases, model.rule) == (["gpt-latest"], {"or": [{"starts_with": "gpt-2"}]})
    assert current_version() > version


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE costs_price SET input_usd_per_mtok = 0",
        "UPDATE costs_price SET effective_from = now()",
        "DELETE FROM costs_price",
    ],
)
def test_the_database_refuses_to_change_a_price(statement: str) -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)

    with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert input_rates() == [(None, Decimal("2.5"))]


def test_the_database_refuses_a_negative_rate() -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)
    model = LanguageModel.objects.get()

    with pytest.raises(IntegrityError, match="price_output_tokens_not_negative"), transaction.atomic():
        Price.objects.create(model=model, source="me", output_usd_per_mtok=Decimal(-1), fingerprint="")


def test_every_change_raises_the_version() -> None:
    versions = [current_version()]
    Provider.objects.create(id="p", name="P")
    versions.append(current_version())
    model = LanguageModel.objects.create(provider_id="p", name="m")
    versions.append(current_version())
    Price.objects.create(model=model, source="me", fingerprint="")
    versions.append(current_version())
    LanguageModel.objects.update(aliases=["n"])
    versions.append(current_version())

    assert versions == sorted(set(versions))
    assert PriceBookState.objects.count() == 1


def test_the_book_in_memory_is_read_anew_when_its_version_moved(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    load_list(listed=listed(cost("2.5")), now=NOW)
    book = current_rate_book()
    with django_assert_num_queries(0):
        assert rate_book() is book
    with django_assert_num_queries(1):
        assert current_rate_book() is book

    load_list(listed=listed(cost("2")), now=JUNE)
    assert rate_book() is book
    assert current_rate_book() is not book
    assert rate_book().version == current_version() > book.version


def test_emptying_all_tables_between_tests_never_brings_a_version_back() -> None:
    version = current_version()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE costs_price, costs_languagemodel, costs_provider, costs_pricebookstate CASCADE")

    assert current_version() > version
    assert PriceBookState.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_loads_at_once_load_once() -> None:
    together = Barrier(2)

    def load(_: int) -> Loaded:
        together.wait()
        try:
            return load_list(listed=listed(cost("2.5"), cost("2", since=JUNE)), now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        loads = set(threads.map(load, range(2)))
    assert loads == {Loaded(1, 1, 2), Loaded(0, 0, 0)}
    assert Price.objects.count() == 2


def test_the_command_loads_both_lists_and_then_finds_nothing_new(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_prices")
    first = capsys.readouterr().out
    call_command("load_prices")

    for source in ("genai-prices", "litellm"):
        assert f"{source}: {Price.objects.filter(source=source).count()} prices added" in first
    again = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in again] == [
        "0 prices added, 0 models and 0 providers new or changed."
    ] * 2
