"""One model of the price book: what holds when, every version, and what people did to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.price_schedule import BEGINNING, NOT_LISTED, PriceVersion, holding, listed_only, schedule
from apps.costs.domain.price_words import UNITS, unit_words
from apps.costs.domain.pricing import Rates, Tiered
from apps.costs.domain.pricing.units import is_token_unit
from apps.costs.domain.providers import canonical_provider
from apps.costs.models import LanguageModel, OwnPrice, Price, PriceChange
from apps.costs.selectors.rate_book import current_rate_book, rates_of

MOST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class RateRow:
    """One unit of a price: its rate, and its rates above so many input tokens."""

    unit: str
    label: str
    usd: Decimal | None
    is_per_mtok: bool
    above: tuple[tuple[int, Decimal], ...] = ()

    @property
    def per_thousand(self) -> Decimal | None:
        """The rate per thousand."""
        return self.usd if self.usd is None or not self.is_per_mtok else self.usd.scaleb(-3)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which one price holds; `price` None: none does. Ends None are open."""

    start: datetime | None
    end: datetime | None
    price: Price | None
    is_now: bool
    own: OwnPrice | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that a page shows of one model; `segments` oldest first."""

    model: LanguageModel
    segments: list[Segment]
    versions: list[Price]
    changes: list[PriceChange]
    in_force: Segment | None = None
    listed: Price | None = None
    undone: frozenset[int] = field(default_factory=frozenset)


def model_named(provider: str, name: str) -> LanguageModel | None:
    """A model of the book by its own name, case aside, and any name of its provider."""
    found = LanguageModel.objects.filter(provider_id=canonical_provider(provider), name__iexact=name.strip())
    return found.select_related("provider").first()


def price_history(model_id: int, now: datetime) -> History:
    """The history of a model. Raises LanguageModel.DoesNotExist."""
    model = LanguageModel.objects.select_related("provider").get(id=model_id)
    prices = {price.pk: price for price in Price.objects.filter(model=model).order_by("-id")}
    versions = current_rate_book().prices_of(model_id)
    segments = list(_segments(versions, prices, _own(model_id), now))
    changes = list(PriceChange.objects.filter(model_ids__contains=[model_id]).order_by("-id")[:MOST_CHANGES])
    listed = _listed(versions, now)
    return History(
        model=model,
        segments=segments,
        versions=[price for price in prices.values() if price.source not in NOT_LISTED],
        changes=changes,
        in_force=next((one for one in segments if one.is_now and one.price), None),
        listed=prices[listed.id] if listed else None,
        undone=frozenset(
            PriceChange.objects.filter(undoes__in=[one.pk for one in changes]).values_list("undoes_id", flat=True)
        ),
    )


def rate_rows(rates: Rates) -> list[RateRow]:
    """The units of a price in the order of a price page, those without a rate left out."""
    order = {unit: place for place, unit in enumerate(UNITS)}
    units = sorted(rates.base, key=lambda unit: (order.get(unit, len(order)), unit))
    return [row for unit in units if (row := _rate_row(unit, rates)) is not None]


def flat_rates(rates: Rates) -> dict[str, Decimal]:
    """The rates of a small call, by unit."""
    return {row.unit: row.usd for row in rate_rows(rates) if row.usd is not None}


def rates_of_price(price: Price | None) -> Rates:
    """The rates of a stored price; none for None."""
    return rates_of(price) if price else Rates({})


def _rate_row(unit: str, rates: Rates) -> RateRow | None:
    rate = rates.base[unit]
    if rate is None:
        return None
    usd, above = (rate.base, rate.above) if isinstance(rate, Tiered) else (rate, ())
    return RateRow(unit, unit_words(unit), usd, is_token_unit(unit), above)


def _own(model_id: int) -> list[OwnPrice]:
    return list(OwnPrice.objects.filter(model_id=model_id))


def _segments(
    versions: tuple[PriceVersion, ...], prices: Mapping[int, Price], own: list[OwnPrice], now: datetime
) -> Iterator[Segment]:
    steps = schedule(versions)
    for index, (start, version) in enumerate(steps):
        end = steps[index + 1].start if index + 1 < len(steps) else None
        is_now = start <= now and (end is None or now < end)
        price = prices.get(version.id) if version else None
        row = next((one for one in own if price and one.price_id == price.pk and _covers(one, start)), None)
        yield Segment(None if start == BEGINNING else start, end, price, is_now, row)


def _covers(own: OwnPrice, at: datetime) -> bool:
    return (own.during.lower or BEGINNING) <= at and (own.during.upper is None or at < own.during.upper)


def _listed(versions: tuple[PriceVersion, ...], now: datetime) -> PriceVersion | None:
    return holding(listed_only(versions), now)
