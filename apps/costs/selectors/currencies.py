"""Totals in another currency, for people to read: each day's spend at the rate that somebody typed for that day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from apps.costs.domain.calendars import day_name, day_start
from apps.costs.models import CurrencyRate
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.costs.selectors.reporting import USD, reporting
from apps.costs.selectors.subscriptions import fees_usd, subscription_costs

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Converted:
    """A total in the currency shown beside US dollars; `amount` is None where a part of its time has no rate."""

    currency: str
    amount: Decimal | None
    words: str


def currency_rates() -> QuerySet[CurrencyRate]:
    """Every rate, the newest day first."""
    return CurrencyRate.objects.filter(deleted_at=None).order_by("currency", "-first_day")


def converted(query: UsageQuery, usd: Decimal, *, now: datetime, with_fees: bool = False) -> Converted | None:
    """The total `usd` of a query in the currency that is shown; None when none is.

    Where the rate changes inside the time of the query, the spend of each part is asked for and taken at its own rate.
    """
    shown = reporting()
    if shown.currency == USD:
        return None
    rates = list(currency_rates().filter(currency=shown.currency).order_by("first_day"))
    starts = [day_start(rate.first_day, shown.zone) for rate in rates]
    held = sum(start <= query.start for start in starts)
    inside = [start for start in starts if query.start < start < query.end]
    if not held:
        known = f"before {day_name(rates[0].first_day, with_year=True)}" if inside else "for this time"
        return Converted(shown.currency, None, f"no {shown.currency} rate {known}")
    used = rates[held - 1 : held + len(inside)]
    words = "; ".join(_words(rate) for rate in used)
    if len(used) == 1:
        return Converted(shown.currency, usd * used[0].per_dollar, words)
    try:
        parts = _by_part(query, [query.start, *inside, query.end], now, with_fees)
    except BadQuery:
        return Converted(shown.currency, None, f"the {shown.currency} rate changes within this time")
    return Converted(shown.currency, sum((parts[i] * rate.per_dollar for i, rate in enumerate(used)), ZERO), words)


def _by_part(query: UsageQuery, edges: Sequence[datetime], now: datetime, with_fees: bool) -> list[Decimal]:
    parts = dict.fromkeys(edges[:-1], ZERO)
    for row in metrics.grouped(query, (), edges=edges):
        if row.bucket is not None:
            parts[row.bucket] += row.totals.cost_usd
    for start in parts if with_fees else ():
        fees = subscription_costs(query, now=now, edges=edges) or ()
        parts[start] += fees_usd([fee for fee in fees if fee.bucket == start])
    return list(parts.values())


def _words(rate: CurrencyRate) -> str:
    return (
        f"1 USD = {rate.per_dollar.normalize():f} {rate.currency} from {day_name(rate.first_day, with_year=True)},"
        f" typed by {rate.created_by}"
    )
