"""The page Savings: what was paid, what the baseline would have cost, the quality beside, and how sure all of it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.calendars import Unit, cut, zone_words
from apps.costs.domain.periods import Period, days_words
from apps.costs.selectors import metrics
from apps.costs.selectors.demo import demo_state
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.selectors.effects import bands, by_lot, switches
from apps.routing.selectors.savings import NO_BASELINE, rows_within, savings_of
from apps.routing.selectors.savings_adjusted import adjusted
from apps.routing.selectors.savings_quality import quality_beside
from apps.routing.views.tabs import tabs
from controlplane import exports, filterbar
from controlplane.savings import figures
from controlplane.viewstate import DIMENSIONS, ViewState, dimension_name, read

PATH = "/routing/savings"
TABLES = (("Task types", "task_type"), ("Models", "model"), ("Projects", "project"))
MOST_ROWS = 12
MOST_SWITCHES = 30
AMOUNTS = ("paid_usd", "waste_usd", "overhead_usd", "repriced_usd", "cache_usd", "baseline_usd", "saved_usd")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    state: ViewState
    period: Period
    query: UsageQuery
    notices: list[str]


def asked(request: PageRequest) -> Asked:
    """Reads the address; what is not understood becomes a notice."""
    state, notices = read(dict(request.GET.lists()), reporting_zone(), path=PATH)
    period = state.choice.at(timezone.now())
    return Asked(state, period, state.query(period.span, request.caller), notices)


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def savings(request: PageRequest) -> HttpResponse:
    """The page, or the part of it that htmx swaps."""
    question = asked(request)
    with metrics.one_snapshot():
        context = _frame(request, question) | _answer(question)
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(request, "savings/_view.html" if fragment else "savings/savings.html", context)


def _frame(request: PageRequest, question: Asked) -> dict[str, Any]:
    state, period = question.state, question.period
    demo = demo_state(timezone.now(), request.caller)
    return {
        "tabs": tabs("savings", request.caller),
        "bar": filterbar.build(state, period, demo=demo.exists, compares=False),
        "demo_state": demo,
        "state": state,
        "period": period,
        "days": days_words(period.first, period.last),
        "zone": zone_words(period.zone, period.now),
        "notices": question.notices,
        "csv_url": state.url(reverse("savings-csv")),
        "may_change": request.caller.may_change_for_all(),
    }


def _answer(question: Asked) -> dict[str, Any]:
    query = question.query
    found = savings_of(query)
    effects = _effects(query)
    if found.why:
        return {"found": found, "undeclared": found.why == NO_BASELINE, "announcement": found.why, **effects}
    rows = {dimension: rows_within(query, found, (dimension,)) for _, dimension in TABLES}
    return {
        "found": found,
        "quality": figures.quality_line(quality_beside(query, found.baselines)),
        "steps": figures.steps(found),
        "adjusted": adjusted(query, found, rows["task_type"]),
        **_by_lot(query),
        **effects,
        "tables": [
            {
                "title": title,
                "heading": dimension_name(dimension),
                "rows": figures.lines(rows[dimension], most=MOST_ROWS),
                "csv_url": question.state.url(reverse("savings-csv"), table=dimension),
            }
            for title, dimension in TABLES
        ],
        "uncompared": found.whole.calls - found.whole.compared_calls,
        "announcement": f"{question.period.label}. {found.words}.",
    }


def _by_lot(query: UsageQuery) -> dict[str, Any]:
    """What drawn tasks tell of the baseline: of all projects together, so never beside a part of the usage."""
    if query.project_ids is not None or query.filters:
        return {}
    found = by_lot()
    return {"lot": found[0], "lot_days": found[1].days} if found else {}


def _effects(query: UsageQuery) -> dict[str, Any]:
    """Switches and bands, where these filters leave whole days of projects."""
    if set(query.filters) - {"project"}:
        return {}
    return {"switches": switches(query)[:MOST_SWITCHES], "bands": bands(query)}


@page(role=Role.ANALYST)
@require_GET
def savings_csv(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """The savings of exactly this view by day, or with `table` by a dimension; amounts in full."""
    question = asked(request)
    if refusal := exports.unless_understood(question.notices):
        return refusal
    dimension = request.GET.get("table", "")
    with metrics.one_snapshot():
        lines = list(_lines(question, dimension if dimension in DIMENSIONS else ""))
        return exports.csv_response(lines, name="bursar-savings", period=question.period)


def _lines(question: Asked, dimension: str) -> Iterator[list[Any]]:
    query, zone = question.query, reporting_zone()
    edges = [] if dimension else cut(query.start, query.end, Unit.DAY, zone)
    found = savings_of(query, (dimension,) if dimension else (), edges=edges)
    yield ["start", "end", "zone", *([dimension] if dimension else []), "calls", "compared_calls", *AMOUNTS, "baseline"]
    ends = dict(zip(edges, edges[1:], strict=False))
    for row in sorted(found.rows, key=lambda row: (row.bucket or query.start, row.values)):
        start = row.bucket or query.start
        yield [
            *_span(start, ends.get(start, query.end), zone),
            *row.values,
            str(row.saved.calls),
            str(row.saved.compared_calls),
            *(exports.amount(getattr(row.saved, name)) for name in AMOUNTS),
            found.words,
        ]


def _span(start: Any, end: Any, zone: ZoneInfo) -> list[str]:
    return [exports.local(start, zone), exports.local(end, zone), zone.key]
