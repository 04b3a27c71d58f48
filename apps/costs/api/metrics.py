"""`/api/metrics/cost`: sums of usage for programs, from the same questions the pages ask."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.domain.identity import Caller, Scope
from apps.costs.api import schema
from apps.costs.api.asking import usage_query
from apps.costs.domain.calendars import Unit, cut
from apps.costs.domain.invoicing import ErrorBar
from apps.costs.domain.money_format import format_money
from apps.costs.selectors import metrics
from apps.costs.selectors.conversations import conversation_sums
from apps.costs.selectors.invoices import error_bar
from apps.costs.selectors.metrics import BadQuery, GroupRow, Totals, UsageQuery
from apps.costs.selectors.reporting import reporting
from apps.costs.selectors.subscriptions import FeeRow, fees_usd, subscription_costs

INTERVALS = {"hour": Unit.HOUR, "day": Unit.DAY, "week": Unit.WEEK, "month": Unit.MONTH, "none": None}
MAX_BUCKETS = 2000
MAX_GROUPS = 2
USD_STEP = Decimal("1e-15")
SUMS = (
    "cost_usd",
    "calls",
    "tool_executions",
    "unpriced_calls",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
)
CUBE_SUMS = (*SUMS, "cache_creation_input_tokens", "reasoning_output_tokens", "estimated_calls")


class CostMetricsView(APIView):
    """What was spent, on what, when."""

    required_scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @extend_schema(operation_id="metrics_cost", parameters=schema.METRICS_PARAMETERS, responses=schema.COST_METRICS)
    def get(self, request: Request) -> Response:
        """Sums of cost, calls and tokens by up to two dimensions and by interval; `totals` are the sum of `results`,
        which are all usage: what has no user, key, tool or tag is the group "". By interval alone every bucket
        is there, those without usage with zeros; groups have only buckets with usage.

        `subscriptions` are the flat fees of the same time up to now, beside them and in no other sum; null for who sees
        only some projects, and when filtered by anything but the provider.
        """
        query = usage_query(request.query_params, cast(Caller, request.auth))
        group_by = asked_group_by(request.query_params)
        interval, edges = asked_edges(request.query_params, query)
        try:
            with metrics.one_snapshot():
                rows = metrics.grouped(query, group_by, edges=edges, only=CUBE_SUMS, whole=True)
                fees = subscription_costs(query, now=timezone.now(), edges=edges)
                bar = error_bar(query, now=timezone.now())
                more = _beside(query)
                freshness = metrics.freshness(query) if not query.filters else metrics.freshness()
        except BadQuery as error:
            raise ValidationError({error.path: error.message}) from error
        rows += [] if group_by else _unused(edges, rows)
        rows.sort(key=lambda row: (row.bucket or query.start, -row.totals.cost_usd, row.values))
        sums = [name for name in CUBE_SUMS if name in metrics.kept(query, group_by)]
        return Response(
            {
                "from": query.start,
                "to": query.end,
                "tz": query.zone,
                "interval": interval,
                "group_by": group_by,
                "totals": _told(metrics.added([row.totals for row in rows]), sums),
                "error_bar": None if bar is None else _bar(bar),
                "results": [_row(row, group_by, sums) for row in rows],
                **more,
                "subscriptions": None if fees is None else _fees(fees),
                "freshness": freshness,
                "warnings": [],
            }
        )


def _unused(edges: Sequence[datetime], rows: Sequence[GroupRow]) -> list[GroupRow]:
    """The buckets without usage: who draws a line over time need not know how days are cut."""
    used = {row.bucket for row in rows}
    return [GroupRow((), Totals(), edge) for edge in edges[:-1] if edge not in used]


def _beside(query: UsageQuery) -> dict[str, Any]:
    """What stands beside the sums of a range: its conversations, its tools, and the same length directly before."""
    found = conversation_sums(query)
    conversations = None if found is None else _conversations(*found)
    return {"conversations": conversations, "tools": _tools(query), "trend": _before(query)}


def _before(query: UsageQuery) -> dict[str, Any] | None:
    """The same length directly before; null where there is no such time."""
    try:
        before = replace(query, start=query.start - (query.end - query.start), end=query.start)
    except OverflowError:
        return None
    rows = metrics.grouped(before, (), edges=(), only=("cost_usd",))
    usd = metrics.added([row.totals for row in rows]).cost_usd
    return {"from": before.start, "to": before.end, "cost_usd": usd}


def _conversations(count: int, usd: Decimal) -> dict[str, Any]:
    return {"count": count, "cost_usd": usd, "cost_per_conversation_usd": _each(usd, count)}


def _tools(query: UsageQuery) -> dict[str, Any] | None:
    """What executions of tools and calls on their behalf cost; null where that is too much to read."""
    try:
        rows = metrics.grouped(query, ("tool",), edges=(), only=("cost_usd",))
    except BadQuery:
        return None
    sums = metrics.added([row.totals for row in rows])
    usd, count = sums.cost_usd, sums.tool_executions
    return {"executions": count, "cost_usd": usd, "cost_per_execution_usd": _each(usd, count)}


def _each(usd: Decimal, count: int) -> Decimal | None:
    return (Decimal(usd) / count).quantize(USD_STEP) if count else None


def _fees(rows: Sequence[FeeRow]) -> dict[str, Any]:
    told = [
        {
            **({"bucket": row.bucket} if row.bucket else {}),
            "id": row.subscription_id,
            "name": row.name,
            "provider": row.provider,
            "cost_usd": row.cost_usd,
        }
        for row in rows
    ]
    return {"cost_usd": fees_usd(rows), "results": told}


def _row(row: GroupRow, group_by: Sequence[str], sums: Sequence[str]) -> dict[str, Any]:
    named = dict(zip(group_by, row.values, strict=True))
    return {**({"bucket": row.bucket} if row.bucket else {}), **named, **_told(row.totals, sums)}


def _bar(bar: ErrorBar) -> dict[str, Any]:
    return {
        "percent": str(bar.percent),
        "error_usd": format_money(bar.error.quantize(USD_STEP, rounding=ROUND_CEILING)),
        "covered_percent": int(bar.covered_percent),
        "invoice_lines": bar.lines,
    }


def _told(totals: Totals, sums: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(totals, name) for name in sums}


def asked_group_by(parameters: QueryDict) -> list[str]:
    """The dimensions asked for. Raises ValidationError for too many."""
    names = [name for text in parameters.getlist("group_by") for name in text.split(",") if name]
    if len(names) > MAX_GROUPS or len(set(names)) < len(names):
        raise ValidationError({"group_by": f"At most {MAX_GROUPS} different names."})
    return names


def asked_edges(parameters: QueryDict, query: UsageQuery) -> tuple[str, list[datetime]]:
    """The interval asked for, and the bucket edges it means. Raises ValidationError."""
    interval = parameters.get("interval", "none")
    if interval not in INTERVALS:
        raise ValidationError({"interval": f"Expected one of {', '.join(INTERVALS)}."})
    unit = INTERVALS[interval]
    if unit is None:
        return interval, []
    if unit is Unit.HOUR and (query.end - query.start).days > MAX_BUCKETS // 24:
        raise ValidationError({"interval": f"By hour at most {MAX_BUCKETS // 24} days at a time."})
    try:
        edges = cut(query.start, query.end, unit, ZoneInfo(query.zone), reporting().week_start)
    except OverflowError as error:
        raise ValidationError({"from": f"There is no such {unit} in {query.zone}."}) from error
    if len(edges) > MAX_BUCKETS:
        raise ValidationError({"interval": f"At most {MAX_BUCKETS} buckets; this range has {len(edges)}."})
    return interval, edges
