"""What a price list would change in the book, worked out without writing anything."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.costs.domain.matching import aliases, beyond_aliases
from apps.costs.models import LanguageModel, Price, Provider
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList
from apps.costs.services.price_book.rows import rate_fields

ModelKey = tuple[str, str]
Dated = tuple[datetime | None, str]
PROVIDER_FIELDS = ("name", "resells")
MODEL_FIELDS = ("title", "context_window", "is_deprecated", "aliases", "rule", "position")


@dataclass(frozen=True, slots=True)
class Addition:
    """A price to be appended to a model. The row has no model yet: a new model has no number before it is written."""

    key: ModelKey
    price: Price
    is_new_model: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that loading a list would write; empty when the book is up to it."""

    providers: Sequence[Provider]
    models: Sequence[LanguageModel]
    additions: Sequence[Addition]
    known: Mapping[ModelKey, LanguageModel] = field(repr=False)


def plan_list(listed: PriceList, now: datetime) -> Plan:
    """Compare a list with the book as it stands.

    The first load's prices hold as the list dates them, undated ones from the beginning of time. Later a price with
    a date of its own is appended from that date on, and one that is new or changed without a date from `now` on.
    """
    known = {(row.provider_id, row.name): row for row in LanguageModel.objects.all()}
    return Plan(
        list(_changed_providers(listed)),
        list(_changed_models(listed, known)),
        list(_additions(listed, known, now)),
        known,
    )


def _changed_providers(listed: PriceList) -> Iterator[Provider]:
    known = {row.id: row for row in Provider.objects.all()}
    for one in listed.providers:
        row = Provider(id=one.id, name=one.name, resells=list(one.resells))
        standing = known.get(one.id)
        if standing is None or (not listed.ranks_after and _differs(standing, row, PROVIDER_FIELDS)):
            yield row


def _changed_models(listed: PriceList, known: Mapping[ModelKey, LanguageModel]) -> Iterator[LanguageModel]:
    others = _spoken_for(listed)
    for provider in listed.providers:
        for position, model in enumerate(provider.models):
            standing = known.get((provider.id, model.name))
            if standing is None:
                yield _model_row(provider, model, position)
            elif standing.id not in others:
                row = _model_row(provider, model, position)
                if _differs(standing, row, MODEL_FIELDS):
                    yield row


def _spoken_for(listed: PriceList) -> set[int]:
    """Models that somebody else prices too, whom this list ranks after."""
    if not listed.ranks_after:
        return set()
    return set(Price.objects.exclude(source=listed.source).values_list("model_id", flat=True).distinct())


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


def _differs(known: Any, row: Any, fields: Sequence[str]) -> bool:
    return any(getattr(known, field) != getattr(row, field) for field in fields)


def _additions(listed: PriceList, known: Mapping[ModelKey, LanguageModel], now: datetime) -> Iterator[Addition]:
    standing: dict[int, list[Dated]] = {}
    rows = Price.objects.filter(source=listed.source).order_by("id")
    for model_id, start, fingerprint in rows.values_list("model_id", "effective_from", "fingerprint"):
        standing.setdefault(model_id, []).append((start, fingerprint))
    is_first_load = not standing
    for provider in listed.providers:
        for model in provider.models:
            key = (provider.id, model.name)
            row = known.get(key)
            prices = [_price_row(listed, price) for price in model.prices]
            if not is_first_load:
                prices = list(_to_append(prices, standing.get(row.id, []) if row else [], now))
            yield from (Addition(key, price, row is None) for price in prices)


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


def _price_row(listed: PriceList, price: ListedPrice) -> Price:
    return Price(
        source=listed.source,
        source_version=listed.version,
        source_date=listed.date,
        effective_from=price.effective_from,
        **rate_fields(price.rates, price.unbilled),
    )
