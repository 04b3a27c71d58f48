"""The sums Prometheus is told: of everything ever recorded but demo data, by one dimension at a time.

One dimension at a time is what the folds keep, so that the answer takes as long with years of usage as with days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import connection

from apps.costs.domain.calendars import day_of, day_start
from apps.costs.domain.counters import Counter, Counters, Found
from apps.costs.models import Exposition
from apps.costs.selectors import metrics
from apps.costs.selectors.backlog import first_rollup
from apps.costs.selectors.metrics import Totals, UsageQuery
from apps.costs.selectors.reporting import reporting_zone

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "model": ("provider", "model"),
    "project": ("project",),
    "tier": ("tier",),
    "status": ("status",),
}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """What was last told, and when its sums were read."""

    taken_at: datetime
    counters: Mapping[str, Counters]
    body: str


@dataclass(frozen=True, slots=True)
class Now:
    """What may rise and fall: spend of the running day and month of the reporting zone, and of the database itself."""

    spend_today_usd: Decimal
    spend_month_usd: Decimal
    newest_at: datetime | None
    database_version: str
    database_bytes: int


def told() -> Told | None:
    """What was last told; None before the first time."""
    row = Exposition.objects.filter(id=1).first()
    return Told(row.taken_at, {name: read(rows) for name, rows in row.counters.items()}, row.body) if row else None


def read(rows: list[tuple[list[str], dict[str, tuple[str, str]]]]) -> Counters:
    """Counters from what is stored of them."""
    return {
        tuple(labels): {name: Counter(Decimal(found), Decimal(lost)) for name, (found, lost) in measures.items()}
        for labels, measures in rows
    }


def counted(now: datetime) -> dict[str, Found]:
    """The sums by dimension, of all usage up to the end of tomorrow."""
    first = first_rollup() or now
    start = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - _DAY
    query = UsageQuery(start, now.replace(hour=0, minute=0, second=0, microsecond=0) + 2 * _DAY)
    return {
        name: {row.values: sums(row.totals) for row in metrics.grouped(query, group_by, edges=())}
        for name, group_by in DIMENSIONS.items()
    }


def sums(totals: Totals) -> dict[str, Decimal]:
    """The measures of a group; tokens by disjoint kinds, so that they add up to all tokens."""
    cached, written = totals.cache_read_input_tokens, totals.cache_creation_input_tokens
    whole = {
        "calls": totals.calls,
        "tool_executions": totals.tool_executions,
        "unpriced_calls": totals.unpriced_calls,
        "estimated_calls": totals.estimated_calls,
        "input": totals.input_tokens - cached - written,
        "cache_read": cached,
        "cache_creation": written,
        "output": totals.output_tokens - totals.reasoning_output_tokens,
        "reasoning": totals.reasoning_output_tokens,
    }
    return {"cost_usd": totals.cost_usd, **{name: Decimal(value) for name, value in whole.items()}}


def present(now: datetime) -> Now:
    """What is true just now."""
    zone = reporting_zone()
    today = day_of(now, zone)
    end = day_start(today + _DAY, zone)
    spent = [
        metrics.added([row.totals for row in metrics.grouped(UsageQuery(day_start(first, zone), end), (), edges=())])
        for first in (today, today.replace(day=1))
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        version, size = cursor.fetchone()
    return Now(spent[0].cost_usd, spent[1].cost_usd, metrics.freshness(), version.split()[0], size)
