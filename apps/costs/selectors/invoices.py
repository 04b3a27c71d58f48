"""What providers billed beside what was counted, from the same sums every page shows."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, QuerySet

from apps.costs.domain.invoicing import ZERO, Compared, ErrorBar, ErrorRates, error_rates
from apps.costs.domain.kinds import CostSource
from apps.costs.models import InvoiceLine
from apps.costs.selectors import metrics
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.metrics import BadQuery, GroupRow, Totals, UsageQuery

MOST_RECORD_DAYS = 31

Period = tuple[datetime, datetime]
_remembered: tuple[object, float, ErrorRates | None] | None = None


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line with our own total of the same days, and what may explain the difference.

    `is_gone`: retention dropped sums of its days, so nothing can be said any more of what was counted.
    """

    line: InvoiceLine
    totals: Totals
    is_running: bool
    is_gone: bool = False

    @property
    def ours(self) -> Decimal | None:
        """What was counted, in USD, exact; None where it is gone."""
        return None if self.is_gone else self.totals.cost_usd

    @property
    def difference(self) -> Decimal | None:
        """Billed less counted: above 0 the provider billed more."""
        return None if self.ours is None else self.line.amount_usd - self.ours

    @property
    def percent(self) -> Decimal | None:
        """The difference in percent of what was billed; None when that is 0, or there is no difference to tell."""
        if not self.line.amount_usd or self.difference is None:
            return None
        return (Decimal(100) * self.difference / self.line.amount_usd).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Records:
    """What only the records tell of a line's usage."""

    reported: int
    assumed: int
    days_with_usage: int


def invoice_lines() -> QuerySet[InvoiceLine]:
    """Every line that stands, the newest days first."""
    return InvoiceLine.objects.filter(deleted_at=None).order_by("-first_day", "provider", "model", "id")


def checked(lines: Sequence[InvoiceLine], *, now: datetime) -> list[CheckedLine]:
    """Lines with our totals: one question for each distinct period."""
    found: dict[Period, list[GroupRow]] = {}
    answer = []
    kept_from = horizon().rollups_from
    for line in lines:
        billed = line.billed()
        period = (billed.start, billed.end)
        if period not in found:
            found[period] = metrics.grouped(UsageQuery(*period), ("provider", "model"), edges=())
        meant = [
            row.totals for row in found[period] if row.values[0] == line.provider and line.model in ("", row.values[1])
        ]
        is_gone = kept_from is not None and billed.start < kept_from
        answer.append(CheckedLine(line, metrics.added(meant), billed.end > now, is_gone))
    return answer


def records_of(line: InvoiceLine) -> Records | None:
    """Provider-reported costs, assumed rates and days with usage; None beyond 31 days."""
    billed = line.billed()
    if billed.days > MOST_RECORD_DAYS:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE r.cost_source = %s), count(*) FILTER (WHERE r.assumed <> 0),
                   count(DISTINCT (r.occurred_at AT TIME ZONE %s)::date)
            FROM costs_usagerecord r
            JOIN costs_cell c ON c.id = r.cell_id
            JOIN costs_usedmodel m ON m.id = c.model_id
            JOIN access_project p ON p.id = r.project_id AND NOT p.is_demo
            WHERE r.occurred_at >= %s AND r.occurred_at < %s AND m.provider = %s AND %s IN ('', m.name)
            """,
            [int(CostSource.PROVIDER), billed.zone, billed.start, billed.end, billed.provider, billed.model],
        )
        return Records(*cursor.fetchone())


def current_error_rates(*, now: datetime) -> ErrorRates | None:
    """The errors that the invoices of the last months tell; None without invoices.

    Worked out anew when a line changed, else at most every INVOICE_CHECK_SECONDS: totals still move a little.
    """
    global _remembered
    state = InvoiceLine.objects.aggregate(count=Count("id"), changed=Max("changed_at"))
    if not state["count"]:
        return None
    key = (state["count"], state["changed"])
    if _remembered and _remembered[0] == key and time.monotonic() - _remembered[1] < settings.INVOICE_CHECK_SECONDS:
        return _remembered[2]
    rates = error_rates(_compared(now))
    _remembered = (key, time.monotonic(), rates)
    return rates


def forget() -> None:
    """Forget the errors. For tests, whose databases change under the process."""
    global _remembered
    _remembered = None


def _compared(now: datetime) -> Iterable[Compared]:
    oldest = now.date() - timedelta(days=settings.INVOICE_CHECK_DAYS)
    lines = list(invoice_lines().filter(last_day__gte=oldest, last_day__lt=now.date()))
    for one in checked(lines, now=now):
        if not one.is_running and one.ours is not None:
            month = one.line.first_day.replace(day=1)
            yield Compared(one.line.provider, month, one.line.amount_usd, one.ours)


def error_bar(query: UsageQuery, *, now: datetime) -> ErrorBar | None:
    """The error bar of what a query sums up; None without invoices."""
    rates = current_error_rates(now=now)
    if rates is None:
        return None
    try:
        rows = metrics.grouped(query, ("provider",), edges=())
    except BadQuery:
        # No rollup keeps providers beside what is asked for: every dollar has the overall error.
        rows = metrics.grouped(query, (), edges=())
        return rates.bar({"": sum((row.totals.cost_usd for row in rows), ZERO)})
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        costs[row.values[0]] += row.totals.cost_usd
    return rates.bar(costs)
