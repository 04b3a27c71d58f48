"""The Overview: where the money went, in one page; before the first usage, the way to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Caller, Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.calendars import zone_words
from apps.costs.domain.colours import MOST_SERIES
from apps.costs.domain.formats import count, money_column
from apps.costs.domain.money_format import format_money
from apps.costs.domain.periods import Comparison, Period, Span, compare, days_words
from apps.costs.selectors import metrics
from apps.costs.selectors.conversations import conversation_page
from apps.costs.selectors.currencies import converted
from apps.costs.selectors.demo import DemoState, demo_state
from apps.costs.selectors.first_seen import first_seen_numbers
from apps.costs.selectors.invoices import error_bar
from apps.costs.selectors.metrics import BreakdownRow, SeriesRow, Totals
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.subscriptions import FeeRow, fees_usd, subscription_costs
from controlplane import exports, figures, filterbar
from controlplane.charts import Chart, spend_chart
from controlplane.context import health_dot
from controlplane.conversations.links import conversation_url
from controlplane.onboarding import welcome
from controlplane.outlook import Attention, anomaly_lines, chart_marks, outlook, task_figure
from controlplane.savings.figures import card
from controlplane.supposing import what_if_url
from controlplane.viewstate import DIMENSIONS, ViewState, read, whole_number

TABLES = (("Models", "model"), ("Task types", "task_type"), ("Agents", "agent"))
MOST_MODELS = 1000
MANY = ("agent",)
"""Dimensions that may have thousands of values."""
MOST_DEAR = 10
SHOWN = (*exports.MEASURES, "latency_calls")
"""The sums this page shows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for the Overview: who asks, for which state, resolved at which instant."""

    state: ViewState
    period: Period
    caller: Caller
    notices: list[str]

    def series(
        self, span: Span, edges: list[datetime], group_by: str | None = None, top: metrics.Top = metrics.NO_TOP
    ) -> list[SeriesRow]:
        """The rows of a span cut at the edges; edges may touch where clocks were changed. `top` as of the selectors."""
        query = self.state.query(span, self.caller)
        return metrics.series(query, buckets=sorted(set(edges)), group_by=group_by, only=SHOWN, top=top)


def asked(request: PageRequest) -> Asked:
    """Reads the address. Raises nothing: what is not understood becomes a notice."""
    state, notices = read(dict(request.GET.lists()), reporting_zone())
    return Asked(state, state.choice.at(timezone.now()), request.caller, notices)


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def overview(request: PageRequest) -> HttpResponse:
    """The page, or the part of it that htmx swaps. Before the first usage it is the onboarding."""
    question = asked(request)
    with metrics.one_snapshot():
        demo = demo_state(timezone.now(), question.caller)
        projects = question.caller.project_ids
        if not metrics.has_usage(project_ids=projects, include_demo=question.state.demo):
            return welcome(request, demo=demo)
        context = _context(question, demo=demo)
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(request, "overview/_view.html" if fragment else "overview/overview.html", context)


def _context(question: Asked, *, demo: DemoState) -> dict[str, Any]:
    state, period = question.state, question.period
    query = state.query(period.span, question.caller)
    comparison = compare(period)
    marks = chart_marks(period)
    chart, moved, rows = _spend_over_time(question, comparison, [mark.piece for mark in marks])
    totals = metrics.totals(query, of=rows)
    colours = {series.key: series.slot for series in chart.series if series.key is not None}
    context = {
        "bar": filterbar.build(state, period, demo=demo.exists),
        "demo_state": demo,
        "state": state,
        "period": period,
        "days": days_words(period.first, period.last),
        "zone": zone_words(period.zone, period.now),
        "newest": metrics.freshness(query),
        "notices": question.notices,
        "totals": totals,
        "error_bar": error_bar(query, now=period.now),
        "converted": converted(query, totals.cost_usd, now=period.now),
        "all_tokens": totals.input_tokens + totals.output_tokens,
        "ended_calls": totals.ok_calls + totals.error_calls,
        "token_parts": figures.token_parts(totals),
        "moved": moved,
        "tasks": task_figure(state, period, question.caller, comparison),
        "saving": card(query),
        "savings_url": replace(state, path="/routing/savings").url(),
        "may_declare": question.caller.has_role(Role.ADMIN),
        "outlook": outlook(period, query, totals.cost_usd),
        "marks": marks,
        "subscriptions_usd": fees_usd(subscription_costs(query, now=period.now) or []),
        "chart": chart,
        "group_name": DIMENSIONS[state.group].lower(),
        "csv_url": state.url(reverse("overview-csv")),
        "conversations_url": state.url(reverse("conversations")),
        "what_if_url": what_if_url(question.caller, state.filters, since=period.span.start, now=period.now),
        "more_url": state.url(reverse("overview-more"), seen=str(_seen(totals))),
        "announcement": f"{period.label}. {chart.summary}",
    }
    context |= _tables(question, rows, totals, colours) | _dearest(question)
    return context | {"attention": _attention(question, totals)}


def _attention(question: Asked, totals: Totals) -> list[Attention]:
    """What is the matter now: late background work, unusual spend, calls without a price."""
    lines, health = [], health_dot()
    if health["level"] != "ok":
        lines.append(
            Attention(health["level"], health["word"], "Folded sums and alerts may be late.", health["url"], "Health")
        )
    lines += anomaly_lines(question.state, question.caller, question.period)
    if totals.unpriced_calls:
        words = f"{count(totals.unpriced_calls)} of {count(totals.calls)} calls have no known price and are in no sum."
        lines.append(Attention("warn", "Unpriced", words, "#unpriced", "See which"))
    return lines


def _dearest(question: Asked) -> dict[str, Any]:
    """Tools and conversations that cost most, where sums of them are kept for these filters."""
    query = question.state.query(question.period.span, question.caller)
    tools: list[figures.ToolRow] = []
    if not metrics.from_records_only(query, ("tool",), ("tool_executions", "cost_usd")):
        tools = figures.tool_rows(metrics.grouped(query, ("tool",), edges=(), only=("cost_usd",)), question.state)
    dear = [] if set(query.filters) - {"project"} else conversation_page(query, limit=MOST_DEAR).conversations
    costs = money_column([one.cost_usd for one in dear])
    rows = [(one, cost, conversation_url(one.sent_project, one.id)) for one, cost in zip(dear, costs, strict=True)]
    return {"tools": tools, "dearest": rows}


def _spend_over_time(
    question: Asked, comparison: Comparison | None, marks: list[int]
) -> tuple[Chart, figures.Moved | None, list[SeriesRow]]:
    """The chart and the comparison, and rows of all groups that cover the whole period.

    The period is also cut where the comparison ends. Where there may be very many groups, they are added up first, and
    only the dearest are asked for piece by piece.
    """
    period, group = question.period, question.state.group
    edges = period.pieces + ([comparison.current.end] if comparison else [])
    if group in MANY:
        whole = question.series(period.span, [period.span.start, period.span.end], group)
        dearest = sorted(whole, key=lambda row: (-row.totals.cost_usd, row.key or ""))[:MOST_SERIES]
        current = question.series(period.span, edges, group, {group: [row.key or "" for row in dearest]})
    else:
        whole = current = question.series(period.span, edges, group)
    previous = question.series(comparison.previous, comparison.pieces) if comparison else []
    keys = {row.key or "" for row in whole if row.key or row.totals.cost_usd}
    numbers = first_seen_numbers(group, keys)
    chart = spend_chart(period, current, previous, comparison, numbers, marks, groups=len(keys))
    if comparison is None:
        return chart, None, whole
    elapsed = [row for row in current if row.bucket < comparison.current.end]
    return chart, figures.moved(elapsed, previous, comparison.words), whole


def _tables(question: Asked, rows: list[SeriesRow], totals: Totals, colours: dict[str, int]) -> dict[str, Any]:
    """The tables; that of the chart's dimension comes from the chart's own rows."""
    state = question.state
    query = state.query(question.period.span, question.caller)

    def breakdown(dimension: str, limit: int) -> list[BreakdownRow]:
        if dimension == state.group:
            return metrics.breakdown_of(rows, limit=limit)
        return metrics.breakdown(query, group_by=dimension, limit=limit, only=SHOWN)

    tables = [
        figures.table(
            title,
            dimension,
            breakdown(dimension, figures.MOST_ROWS),
            state,
            colours if dimension == state.group else None,
        )
        for title, dimension in TABLES
    ]
    models = breakdown("model", MOST_MODELS) if totals.unpriced_calls else []
    return {"tables": tables, "unpriced": figures.unpriced_models(models, state)}


def _seen(totals: Totals) -> int:
    return totals.calls + totals.tool_executions


@page(role=Role.ANALYST)
@require_GET
def more(request: PageRequest) -> HttpResponse:
    """The freshness line: when the newest usage came, and how much arrived since the page was read."""
    question = asked(request)
    span = question.period.span
    query = question.state.query(span, question.caller)
    rows = question.series(span, [span.start, span.end])
    known = whole_number(request.GET.get("seen", ""))
    context = {
        "newest": metrics.freshness(query),
        "arrived": max(0, sum(_seen(row.totals) for row in rows) - known),
        "show_url": question.state.url(),
        "more_url": question.state.url(reverse("overview-more"), seen=str(known)),
    }
    return render(request, "components/_live.html", context)


@page(role=Role.ANALYST)
@require_GET
def overview_csv(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """The numbers of exactly this view: of the chart (every group, no rest), or with `table` of one table."""
    question = asked(request)
    if refusal := exports.unless_understood(question.notices):
        return refusal
    dimension = request.GET.get("table", "")
    with metrics.one_snapshot():
        lines = _table_lines(question, dimension) if dimension in DIMENSIONS else _chart_lines(question)
        return exports.csv_response(list(lines), name="bursar-overview", period=question.period)


def _chart_lines(question: Asked) -> Iterator[list[Any]]:
    period, group = question.period, question.state.group
    ends = dict(zip(period.pieces, period.pieces[1:], strict=False))
    yield ["start", "end", "zone", group, *exports.MEASURES, "subscriptions_usd"]
    rows = question.series(period.span, period.pieces, group)
    for row in sorted(rows, key=lambda row: (row.bucket, -row.totals.cost_usd, row.key or "")):
        cut = [exports.local(moment, period.zone) for moment in (row.bucket, ends[row.bucket])]
        yield [*cut, period.zone.key, row.key or "", *exports.measures(row.totals), ""]
    yield from _subscription_lines(question, ends)


def _subscription_lines(question: Asked, ends: Mapping[datetime, datetime]) -> Iterator[list[Any]]:
    """What subscriptions cost in each piece: lines and a column of their own, so that no sum of calls moves."""
    period = question.period
    query = question.state.query(period.span, question.caller)
    by_bucket: dict[datetime, list[FeeRow]] = {}
    for row in subscription_costs(query, now=period.now, edges=period.pieces) or ():
        by_bucket.setdefault(row.bucket or period.span.start, []).append(row)
    for bucket, rows in sorted(by_bucket.items()):
        cut = [exports.local(moment, period.zone) for moment in (bucket, ends[bucket])]
        blank = [""] * len(exports.MEASURES)
        yield [*cut, period.zone.key, "Subscriptions", *blank, format_money(fees_usd(rows))]


def _table_lines(question: Asked, dimension: str) -> Iterator[list[Any]]:
    period = question.period
    query = question.state.query(period.span, question.caller)
    cut = [exports.local(moment, period.zone) for moment in (period.span.start, period.span.end)]
    yield ["start", "end", "zone", dimension, *exports.MEASURES]
    for row in metrics.breakdown(query, group_by=dimension, limit=MOST_MODELS, only=SHOWN):
        yield [*cut, period.zone.key, row.label, *exports.measures(row.totals)]
