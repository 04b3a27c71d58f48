"""The rows of the export, day by day: each day is one question to the rollups, so memory holds one day at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from apps.access.models import Project
from apps.costs.domain.calendars import Unit, cut, unit_of
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery, GroupRow, Totals, UsageQuery
from apps.costs.selectors.subscriptions import FeeRow, subscription_costs
from controlplane.figures import known_spend
from controlplane.focus.columns import COUNTS, OWN, Charge, row_of

DIMENSIONS = ("project", "agent", "provider", "model", "tier", "role", "task_type", "status")
MOST_DAYS = 3600
Rows = list[Sequence[Any]]
Span = tuple[datetime, datetime]


def day_by_day(query: UsageQuery, *, now: datetime) -> Iterator[Rows]:
    """The rows of each local day of a query, in the order of time. Raises BadQuery, for the first day at once."""
    if query.end - query.start > timedelta(days=MOST_DAYS):
        raise BadQuery("from", f"At most {MOST_DAYS:,} days at a time.")
    zone = ZoneInfo(query.zone)
    try:
        edges = cut(query.start, query.end, Unit.DAY, zone)
    except OverflowError as error:
        raise BadQuery("from", f"There is no such day in {query.zone}.") from error
    fees: dict[datetime | None, list[FeeRow]] = {}
    for fee in subscription_costs(query, now=now, edges=edges) or ():
        fees.setdefault(fee.bucket, []).append(fee)
    ids = dict(Project.objects.standing().values_list("name", "id"))
    days = pairwise(edges)
    first = next(days)
    found = _usage(query, first, zone, ids)
    return _following(query, first, found, days, fees, ids, zone)


def _following(
    query: UsageQuery,
    first: Span,
    found: Rows,
    days: Iterator[Span],
    fees: dict[datetime | None, list[FeeRow]],
    ids: dict[str, int],
    zone: ZoneInfo,
) -> Iterator[Rows]:
    yield found + _fees(fees.get(first[0], ()), first, zone)
    for day in days:
        yield _usage(query, day, zone, ids) + _fees(fees.get(day[0], ()), day, zone)


def _usage(query: UsageQuery, day: Span, zone: ZoneInfo, ids: dict[str, int]) -> Rows:
    with metrics.one_snapshot():
        found = metrics.grouped(replace(query, start=day[0], end=day[1]), DIMENSIONS, edges=())
    found.sort(key=lambda row: row.values)
    month = unit_of(day[0], Unit.MONTH, zone)
    return [row_of(_charge(row, day, month, ids)) for row in found]


def _charge(row: GroupRow, day: Span, month: Span, ids: dict[str, int]) -> Charge:
    names, totals = dict(zip(DIMENSIONS, row.values, strict=True)), row.totals
    tokens = totals.input_tokens + totals.output_tokens
    is_tool = not totals.calls
    return Charge(
        *day,
        *month,
        category="Usage",
        frequency="Usage-Based",
        description=_words(names, totals),
        provider=names["provider"] or OWN,
        service="Tool executions" if is_tool else "Model API",
        subcategory="Other (AI and Machine Learning)" if is_tool else "Generative AI",
        cost_usd=known_spend(totals),
        quantity=tokens or totals.calls + totals.tool_executions,
        unit="Tokens" if tokens else "Requests",
        names=names,
        project_id=ids.get(names["project"]),
        counts={name: getattr(totals, name) for name in COUNTS.values()},
    )


def _words(names: dict[str, str], totals: Totals) -> str:
    calls = f"{totals.calls} calls" if totals.calls else f"{totals.tool_executions} tool executions"
    by = f" by {names['agent']}" if names["agent"] else ""
    return f"{names['model'] or 'Tools'}: {calls}{by}"


def _fees(fees: Sequence[FeeRow], day: Span, zone: ZoneInfo) -> Rows:
    month = unit_of(day[0], Unit.MONTH, zone)
    return [
        row_of(
            Charge(
                *day,
                *month,
                category="Purchase",
                frequency="Recurring",
                description=f"{fee.name}: this time's part of the fee",
                provider=fee.provider,
                service="Subscription",
                subcategory="Generative AI",
                cost_usd=fee.cost_usd,
                quantity=1,
                unit="Subscriptions",
                names={},
                project_id=None,
                counts={},
            )
        )
        for fee in fees
    ]
