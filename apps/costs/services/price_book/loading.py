"""Writing a price list into the price book: nothing that stands there is changed, what is new is appended."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.costs.domain.matching import aliases, beyond_aliases
from apps.costs.domain.pricing.plain import plain_rates, rounded
from apps.costs.models import LanguageModel, Price, PriceBookState, Provider
from apps.costs.models.price_book import RATE_COLUMNS
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList

ModelKey = tuple[str, str]
Dated = tuple[datetime | None, str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load added; models and providers count those that are new or were changed."""

    providers: int
    models: int
    prices: int


@transaction.atomic
def load_list(*, listed: PriceList, now: datetime) -> Loaded:
    """Bring the price book up to a list. Loading the same list again adds nothing.

    The first load's prices hold as the list dates them, undated ones from the beginning of time. Later a price with
    a date of its own is appended from that date on, and one that is new or changed without a date from `now` on.
    """
    # One load at a time: the second one then finds nothing new.
    PriceBookState.objects.select_for_update().get()
    providers = _write_providers(listed.providers)
    models, changed = _write_models(listed.providers)
    prices = list(_new_prices(listed, models, now))
    Price.objects.bulk_create(prices, batch_size=1000)
    return Loaded(providers, changed, len(prices))


def _write_providers(listed: Sequence[ListedProvider]) -> int:
    known = {row.id: row for row in Provider.objects.all()}
    rows = [Provider(id=one.id, name=one.name, resells=list(one.resells)) for one in listed]
    changed = [row for row in rows if not _is_same(known.get(row.id), row, ("name", "resells"))]
    if changed:
        Provider.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["id"], update_fields=["name", "resells"]
        )
    return len(changed)


_MODEL_FIELDS = ("title", "context_window", "is_deprecated", "aliases", "rule", "position")


def _write_models(listed: Sequence[ListedProvider]) -> tuple[dict[ModelKey, int], int]:
    known = {(row.provider_id, row.name): row for row in LanguageModel.objects.all()}
    rows = [
        _model_row(provider, model, position) for provider in listed for position, model in enumerate(provider.models)
    ]
    changed = [row for row in rows if not _is_same(known.get((row.provider_id, row.name)), row, _MODEL_FIELDS)]
    if changed:
        LanguageModel.objects.bulk_create(
            changed, batch_size=1000, update_conflicts=True, unique_fields=["provider", "name"],
            update_fields=_MODEL_FIELDS,
        )  # fmt: skip
    ids = {
        (provider, name): id for id, provider, name in LanguageModel.objects.values_list("id", "provider_id", "name")
    }
    return ids, len(changed)


def _model_row(provider: ListedProvider, model: ListedModel, position: int) -> LanguageModel:
    names = dict.fromkeys(aliases(model.rule) if model.rule else ())
    names.pop(model.name.lower(), None)
    return LanguageModel(
        provider_id=provider.id,
        name=model.name,
        title=model.title,
        context_window=model.context_window,
        is_deprecated=model.is_deprecated,
        aliases=list(names),
        rule=beyond_aliases(model.rule) if model.rule else None,
        position=position,
    )


def _is_same(known: Any, row: Any, fields: Iterable[str]) -> bool:
    return known is not None and all(getattr(known, field) == getattr(row, field) for field in fields)


def _new_prices(listed: PriceList, models: dict[ModelKey, int], now: datetime) -> Iterator[Price]:
    standing: dict[int, list[Dated]] = {}
    rows = Price.objects.filter(source=listed.source).order_by("id")
    for model_id, start, fingerprint in rows.values_list("model_id", "effective_from", "fingerprint"):
        standing.setdefault(model_id, []).append((start, fingerprint))
    is_first_load = not standing
    for provider in listed.providers:
        for model in provider.models:
            model_id = models[provider.id, model.name]
            prices = [_price_row(listed, model_id, price) for price in model.prices]
            if is_first_load:
                yield from prices
            else:
                yield from _to_append(prices, standing.get(model_id, []), now)


def _to_append(prices: list[Price], standing: list[Dated], now: datetime) -> Iterator[Price]:
    """Of a model's listed prices, oldest first, those the book does not have."""
    known = dict(standing)
    additions = [
        price for price in prices if price.effective_from and _is_news(price, price.effective_from, known, now)
    ]
    yield from additions
    begun = [price for price in prices if price.effective_from is None or price.effective_from <= now]
    if not begun:
        return
    holding = begun[-1]
    dated = [*standing, *((price.effective_from, price.fingerprint) for price in additions)]
    if _fingerprint_at(dated, now) != holding.fingerprint:
        undated = copy(holding)
        undated.effective_from = now
        yield undated


def _is_news(price: Price, start: datetime, known: dict[datetime | None, str], now: datetime) -> bool:
    return start not in known or (start > now and known[start] != price.fingerprint)


def _fingerprint_at(dated: list[Dated], now: datetime) -> str | None:
    begun = [
        (start is not None, start, index) for index, (start, _) in enumerate(dated) if start is None or start <= now
    ]
    return dated[max(begun)[2]][1] if begun else None


def _price_row(listed: PriceList, model_id: int, price: ListedPrice) -> Price:
    plain, originals = rounded(plain_rates(price.rates))
    base, tiers = _without_tiers(plain["base"])
    columns: dict[str, Any] = {
        column: Decimal(base.pop(unit)) for unit, column in RATE_COLUMNS.items() if base.get(unit) is not None
    }
    text = json.dumps([plain, price.unbilled], sort_keys=True)
    return Price(
        model_id=model_id,
        source=listed.source,
        source_version=listed.version,
        source_date=listed.date,
        effective_from=price.effective_from,
        other_rates=base,
        tiers=tiers,
        service_tiers=plain["service_tiers"],
        windows=plain["windows"],
        unbilled=price.unbilled,
        rounded=originals,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        **columns,
    )


def _without_tiers(base: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    tiers = {unit: rate["above"] for unit, rate in base.items() if isinstance(rate, dict)}
    flat = {unit: rate["base"] if isinstance(rate, dict) else rate for unit, rate in base.items()}
    return {unit: rate for unit, rate in flat.items() if rate is not None}, tiers
