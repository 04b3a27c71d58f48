"""Discounts and margins: list prices times a factor, while an adjustment runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal

from .price_schedule import BEGINNING, Step
from .pricing import Rate, Rates, ServiceTier, Tiered
from .pricing.rates import RateSet

_END = datetime.max.replace(tzinfo=UTC)
_WIDE = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A factor on list prices in [lower, upper); None is the beginning of time, and no end."""

    factor: Decimal
    lower: datetime | None
    upper: datetime | None
    is_for_model: bool

    def covers(self, at: datetime) -> bool:
        """Whether it runs at an instant."""
        return (self.lower or BEGINNING) <= at < (self.upper or _END)


@dataclass(frozen=True, slots=True)
class AdjustedSpan:
    """In [lower, upper) the list price `base_id` times the factor holds."""

    base_id: int
    factor: Decimal
    lower: datetime | None
    upper: datetime | None


def factor_of(percent: Decimal) -> Decimal:
    """-15 % is 0.85."""
    return 1 + percent.scaleb(-2)


def adjusted_spans(listed: Sequence[Step], adjustments: Iterable[Adjustment]) -> list[AdjustedSpan]:
    """Where which list price is adjusted by what: an adjustment of the model wins over one of its provider.

    `listed` is the schedule of the public lists alone. Spans are in order and never overlap.
    """
    running = sorted(adjustments, key=lambda one: not one.is_for_model)
    bounds = [bound for one in running for bound in (one.lower or BEGINNING, one.upper or _END)]
    edges = sorted({*bounds, *(step.start for step in listed)} - {_END})
    spans: list[AdjustedSpan] = []
    for index, edge in enumerate(edges):
        following = edges[index + 1] if index + 1 < len(edges) else None
        base = next((step.price for step in reversed(listed) if step.start <= edge), None)
        factor = next((one.factor for one in running if one.covers(edge)), None)
        if base is None or factor is None:
            continue
        span = AdjustedSpan(base.id, factor, None if edge == BEGINNING else edge, following)
        last = spans[-1] if spans else None
        if last and (last.upper, last.base_id, last.factor) == (edge, span.base_id, factor):
            spans[-1] = replace(last, upper=following)
        else:
            spans.append(span)
    return spans


def scaled(rates: Rates, factor: Decimal) -> Rates:
    """Every rate times the factor, exactly: tiers, windows and fees too. Factors of service tiers stay as they are."""
    return Rates(
        base=_scaled_set(rates.base, factor),
        service_tiers={
            name: ServiceTier(_scaled_set(tier.rates, factor), tier.multiplier)
            for name, tier in rates.service_tiers.items()
        },
        windows=tuple(replace(window, rates=_scaled_set(window.rates, factor)) for window in rates.windows),
        multiplier=rates.multiplier,
    )


def _scaled_set(rates: RateSet, factor: Decimal) -> dict[str, Rate | None]:
    return {unit: _scaled(rate, factor) for unit, rate in rates.items()}


def _scaled(rate: Rate | None, factor: Decimal) -> Rate | None:
    if rate is None:
        return None
    if isinstance(rate, Tiered):
        base = None if rate.base is None else _times(rate.base, factor)
        return Tiered(base, tuple((threshold, _times(above, factor)) for threshold, above in rate.above))
    return _times(rate, factor)


def _times(rate: Decimal, factor: Decimal) -> Decimal:
    # 21 digits times 9 need more than the 28 that decimals have by default.
    return _WIDE.multiply(rate, factor)
