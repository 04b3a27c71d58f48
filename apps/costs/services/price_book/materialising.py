"""Prices that follow from discounts, margins and subscriptions, written out as rows that records can point to.

What ought to stand is worked out anew and compared with what stands: running it twice changes nothing. Price rows are
appended and taken again, never changed; only when they hold is moved.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q

from apps.costs.domain.adjusting import Adjustment, adjusted_spans, factor_of, scaled
from apps.costs.domain.flat_fees import Stretch, joined
from apps.costs.domain.price_schedule import (
    ADJUSTED_SOURCE,
    NOT_LISTED,
    SUBSCRIPTION_SOURCE,
    Layer,
    PriceVersion,
    list_layer,
    schedule,
)
from apps.costs.domain.pricing import Rates
from apps.costs.models import DerivedPrice, LanguageModel, Price, PriceAdjustment, Subscription
from apps.costs.models.price_book import RATE_COLUMNS
from apps.costs.selectors.rate_book import rates_of
from apps.costs.selectors.subscriptions import flat_fee
from apps.costs.services.price_book.rows import rate_fields


class Span(NamedTuple):
    """A derived price of a model holds in [lower, upper)."""

    model_id: int
    layer: int
    price_id: int
    lower: datetime | None
    upper: datetime | None


class _Wanted(NamedTuple):
    model_id: int
    base_id: int
    factor: Decimal
    lower: datetime | None
    upper: datetime | None


def materialise() -> None:
    """Bring derived prices up to the lists and to what people entered, inside the caller's transaction."""
    _put(Layer.ADJUSTED, set(_adjusted()))
    _put(Layer.SUBSCRIPTION, set(_subscribed()))


def _put(layer: Layer, wanted: set[Span]) -> None:
    standing = {_span(row): row.id for row in DerivedPrice.objects.filter(layer=layer)}
    gone = [id for span, id in standing.items() if span not in wanted]
    if gone:
        DerivedPrice.objects.filter(id__in=gone).delete()
    new = [_row(span) for span in sorted(wanted - standing.keys(), key=lambda span: (span.model_id, str(span.lower)))]
    if new:
        DerivedPrice.objects.bulk_create(new, batch_size=1000)


def _span(row: DerivedPrice) -> Span:
    return Span(row.model_id, row.layer, row.price_id, row.during.lower, row.during.upper)


def _row(span: Span) -> DerivedPrice:
    during = DateTimeTZRange(span.lower, span.upper)
    return DerivedPrice(model_id=span.model_id, layer=span.layer, price_id=span.price_id, during=during)


# -- Discounts and margins -------------------------------------------------------------------------------------------


def _adjusted() -> Iterator[Span]:
    wanted = list(_wanted())
    prices = _derived({(one.base_id, one.factor) for one in wanted})
    for one in wanted:
        yield Span(one.model_id, Layer.ADJUSTED, prices[one.base_id, one.factor], one.lower, one.upper)


def _wanted() -> Iterator[_Wanted]:
    rows = list(PriceAdjustment.objects.all())
    if not rows:
        return
    of_model: dict[int, list[Adjustment]] = defaultdict(list)
    of_provider: dict[str, list[Adjustment]] = defaultdict(list)
    for row in rows:
        one = Adjustment(factor_of(row.percent), row.during.lower, row.during.upper, row.model_id is not None)
        if row.model_id is not None:
            of_model[row.model_id].append(one)
        else:
            of_provider[row.provider_id or ""].append(one)
    models = LanguageModel.objects.filter(Q(id__in=list(of_model)) | Q(provider_id__in=list(of_provider)))
    names = dict(models.values_list("id", "provider_id"))
    for model_id, versions in _listed(list(names)).items():
        adjustments = [*of_model.get(model_id, ()), *of_provider.get(names[model_id], ())]
        for span in adjusted_spans(schedule(versions), adjustments):
            yield _Wanted(model_id, *_whole(span.base_id, span.factor, span.lower, span.upper))


def _whole(
    base_id: int, factor: Decimal, lower: datetime | None, upper: datetime | None
) -> tuple[int, Decimal, datetime | None, datetime | None]:
    return base_id, factor.normalize(), lower, upper


def _listed(model_ids: Collection[int]) -> dict[int, list[PriceVersion]]:
    found: dict[int, list[PriceVersion]] = defaultdict(list)
    rows = Price.objects.filter(model_id__in=model_ids).exclude(source__in=NOT_LISTED)
    for id, model_id, source, start in rows.values_list("id", "model_id", "source", "effective_from"):
        found[model_id].append(PriceVersion(id, start, _no_rates, list_layer(source)))
    return found


def _no_rates() -> Rates:
    raise AssertionError("schedules are made without rates")


def _derived(wanted: set[tuple[int, Decimal]]) -> dict[tuple[int, Decimal], int]:
    """The rows of list prices times factors; those that stand are taken again."""
    bases = {base_id for base_id, _ in wanted}
    standing = _standing(bases)
    missing = wanted - standing.keys()
    if missing:
        rows = Price.objects.in_bulk({base_id for base_id, _ in missing})
        Price.objects.bulk_create(
            [_adjusted_row(rows[base_id], factor) for base_id, factor in sorted(missing)], batch_size=1000
        )
        standing = _standing(bases)
    return standing


def _standing(base_ids: Collection[int]) -> dict[tuple[int, Decimal], int]:
    rows = Price.objects.filter(derived_from__in=base_ids, source=ADJUSTED_SOURCE).order_by("-id")
    found = rows.values_list("derived_from_id", "factor", "id")
    return {(base_id, factor.normalize()): id for base_id, factor, id in found if base_id and factor is not None}


def _adjusted_row(base: Price, factor: Decimal) -> Price:
    return Price(
        model_id=base.model_id,
        source=ADJUSTED_SOURCE,
        source_version=f"{base.source} {base.source_version}".strip()[:64],
        source_date=base.source_date,
        effective_from=base.effective_from,
        derived_from=base,
        factor=factor,
        **rate_fields(scaled(rates_of(base), factor), base.unbilled),
    )


# -- Subscriptions ---------------------------------------------------------------------------------------------------


def _subscribed() -> Iterator[Span]:
    covered: dict[int, list[Stretch]] = defaultdict(list)
    for row in Subscription.objects.all():
        fee = flat_fee(row)
        for model_id in row.model_ids or _models_of(row.provider_id):
            covered[model_id].append((fee.start, fee.end))
    free = _free_prices(list(covered))
    for model_id, stretches in covered.items():
        for lower, upper in joined(stretches):
            yield Span(model_id, Layer.SUBSCRIPTION, free[model_id], lower, upper)


def _models_of(provider_id: str) -> list[int]:
    return list(LanguageModel.objects.filter(provider_id=provider_id).values_list("id", flat=True))


def _free_prices(model_ids: Collection[int]) -> dict[int, int]:
    """A price of 0 for every unit of each model; those that stand are taken again."""
    rows = Price.objects.filter(model_id__in=model_ids, source=SUBSCRIPTION_SOURCE).order_by("-id")
    standing = dict(rows.values_list("model_id", "id"))
    missing = [model_id for model_id in model_ids if model_id not in standing]
    if missing:
        fields = rate_fields(Rates(dict.fromkeys(RATE_COLUMNS, Decimal(0))))
        new = [Price(model_id=model_id, source=SUBSCRIPTION_SOURCE, **fields) for model_id in sorted(missing)]
        Price.objects.bulk_create(new, batch_size=1000)
        standing = dict(rows.values_list("model_id", "id"))
    return standing
