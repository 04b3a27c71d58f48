"""The price book in the memory of this process.

`SELECT version FROM costs_pricebookstate` tells, inside any transaction, which version of the book it sees: one row,
raised by the database with every change of providers, models or prices. What was priced with `rate_book()` is right
when that number is its `version`; otherwise price again with `current_rate_book()`.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from threading import Lock
from typing import Any

from apps.costs.domain.price_schedule import NOT_LISTED, Layer, PriceVersion, list_layer
from apps.costs.domain.pricing import Rates
from apps.costs.domain.pricing.plain import rate_text, rates_from_plain
from apps.costs.domain.rate_book import Match, ModelEntry, ProviderEntry, RateBook
from apps.costs.models import DerivedPrice, LanguageModel, OwnPrice, Price, PriceBookState, Provider
from apps.costs.models.price_book import RATE_COLUMNS

__all__ = [
    "Match",
    "RateBook",
    "current_rate_book",
    "current_version",
    "forget",
    "provider_ids",
    "rate_book",
    "rates_of",
    "read_book",
]

_book: RateBook | None = None
_loading = Lock()

_COLUMNS = tuple(RATE_COLUMNS.values())
_STORED = ("id", "model_id", "effective_from", "other_rates", "tiers", "service_tiers", "windows")
_OF_PRICE = tuple(f"price__{column}" for column in (*_STORED, *_COLUMNS))


def rate_book() -> RateBook:
    """The book as this process last read it, without a query after the first call; its `version` tells if it is old."""
    return _book or current_rate_book()


def current_rate_book() -> RateBook:
    """The book as it stands now: one short query, and a new reading only when its version has moved."""
    global _book
    version = current_version()
    if _book is None or _book.version != version:
        with _loading:
            if _book is None or _book.version != version:
                _book = read_book()
    return _book


def forget() -> None:
    """Forget the book; the next question reads it anew. For tests, whose databases change under the process."""
    global _book
    _book = None


def current_version() -> int:
    """The version of the price book that this connection sees; 0 for a book nothing was ever written to."""
    return PriceBookState.objects.values_list("version", flat=True).first() or 0


def provider_ids() -> list[str]:
    """Every provider of the book, in order."""
    return list(Provider.objects.order_by("id").values_list("id", flat=True))


def rates_of(price: Price) -> Rates:
    """The rates of a stored price, as arithmetic takes them."""
    return _rates({field: getattr(price, field) for field in (*_STORED, *_COLUMNS)})


def read_book() -> RateBook:
    """The book as this connection sees it, read whole; inside a transaction with what it has not committed yet."""
    # The version first: a change that commits in between is then newer than it says, and found at the next look.
    version = current_version()
    prices = _prices_by_model()
    models = _models_by_provider(prices)
    providers = Provider.objects.order_by("id").values_list("id", "resells")
    return RateBook(version, [ProviderEntry(id, tuple(models[id]), tuple(resells)) for id, resells in providers])


def _models_by_provider(prices: dict[int, list[PriceVersion]]) -> defaultdict[str, list[ModelEntry]]:
    models: defaultdict[str, list[ModelEntry]] = defaultdict(list)
    rows = LanguageModel.objects.order_by("provider_id", "position", "id")
    columns = ("id", "provider_id", "name", "aliases", "own_aliases", "rule")
    for id, provider, name, aliases, own, rule in rows.values_list(*columns):
        models[provider].append(ModelEntry(id, name, (*own, *aliases), rule, tuple(prices.get(id, ()))))
    return models


def _prices_by_model() -> dict[int, list[PriceVersion]]:
    prices: dict[int, list[PriceVersion]] = {}
    listed = Price.objects.exclude(source__in=NOT_LISTED).order_by("id")
    for row in listed.values("source", "unbilled", *_STORED, *_COLUMNS):
        layer, otherwise = list_layer(row["source"]), bool(row.pop("unbilled"))
        rates = partial(_rates, row)
        version = PriceVersion(row["id"], row["effective_from"], rates, layer, bills_otherwise=otherwise)
        prices.setdefault(row["model_id"], []).append(version)
    for model_id, version in (*_own_prices(), *_derived_prices()):
        prices.setdefault(model_id, []).append(version)
    return prices


def _own_prices() -> Iterator[tuple[int, PriceVersion]]:
    for found in OwnPrice.objects.order_by("id").values("during", *_OF_PRICE):
        yield _scheduled(found, Layer.OWN)


def _derived_prices() -> Iterator[tuple[int, PriceVersion]]:
    for found in DerivedPrice.objects.order_by("id").values("during", "layer", *_OF_PRICE):
        yield _scheduled(found, found["layer"])


def _scheduled(found: dict[str, Any], layer: int) -> tuple[int, PriceVersion]:
    row = {name.removeprefix("price__"): value for name, value in found.items()}
    during = found["during"]
    return row["model_id"], PriceVersion(row["id"], during.lower, partial(_rates, row), layer, during.upper)


def _rates(row: dict[str, Any]) -> Rates:
    base = {unit: rate_text(row[column]) for unit, column in RATE_COLUMNS.items() if row[column] is not None}
    flat = base | row["other_rates"]
    tiered = {unit: {"base": flat.get(unit), "above": above} for unit, above in row["tiers"].items()}
    return rates_from_plain({"base": flat | tiered, "service_tiers": row["service_tiers"], "windows": row["windows"]})
