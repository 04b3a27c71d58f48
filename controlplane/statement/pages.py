"""The statement as a page that prints well, and as CSV."""

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.calendars import zone_words
from apps.costs.domain.periods import Span, days_words
from apps.costs.selectors.metrics import Totals
from apps.costs.selectors.reporting import reporting_zone
from controlplane import exports
from controlplane.statement.months import Month, month_of, running_month
from controlplane.statement.reading import Statement, statement
from controlplane.viewstate import KNOWN, ViewState, filter_words, read


@page(role=Role.ANALYST)
@require_GET
def latest(request: PageRequest) -> HttpResponse:
    """The last month that is over; the running one while nothing was used before it."""
    running = running_month(timezone.now(), reporting_zone())
    over = running.moved(-1)
    found = _found(request, *_asked(request, over.key)[:2])
    is_empty = not (found.totals.calls or found.totals.tool_executions or found.whole_usd)
    return _page(request, running.key) if is_empty else _page(request, over.key, found)


@page(role=Role.ANALYST)
@require_GET
def month(request: PageRequest, key: str) -> HttpResponse:
    """One month, of all one may see or of some projects."""
    return _page(request, key)


def _page(request: PageRequest, key: str, found: Statement | None = None) -> HttpResponse:
    asked, state, notices = _asked(request, key)
    now = timezone.now()
    found = found or _found(request, asked, state)
    is_running = now < asked.end
    context = {
        "statement": found,
        "month": asked,
        "days": days_words(asked.first, asked.moved(1).first - asked.moved(1).first.resolution),
        "zone": zone_words(asked.zone, asked.start),
        "now": now,
        "notices": notices,
        "is_running": is_running,
        "is_limited": request.caller.project_ids is not None,
        "projects": [filter_words(name, value) for name, values in state.filters for value in values],
        "previous": state.url(reverse("statement", args=[asked.moved(-1).key])),
        "next": "" if is_running else state.url(reverse("statement", args=[asked.moved(1).key])),
        "csv_url": state.url(reverse("statement-csv", args=[asked.key])),
        "focus": [(kind, _focus_url(asked, state, kind)) for kind in ("csv", "parquet")],
        "before": asked.moved(-1).name,
    }
    return render(request, "statement/statement.html", context)


@page(role=Role.ANALYST)
@require_GET
def month_csv(request: PageRequest, key: str) -> HttpResponse | StreamingHttpResponse:
    """Every group of every table, exact; the lines of each section add up to the total."""
    asked, state, notices = _asked(request, key)
    if refusal := exports.unless_understood(notices):
        return refusal
    pieces = exports.written(_lines(asked, _found(request, asked, state)))
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="bursar-statement_{asked.key}.csv"'
    return response


def _asked(request: PageRequest, key: str) -> tuple[Month, ViewState, list[str]]:
    # The month says when; links bring along what other pages show of it. A filter that is none here is told.
    given = {name: values for name, values in request.GET.lists() if name == "demo" or name not in KNOWN}
    state, notices = read(given, reporting_zone(), path=request.path, dimensions=("project",))
    asked = month_of(key, reporting_zone())
    if asked is None:
        raise Http404
    return asked, state, notices


def _found(request: PageRequest, asked: Month, state: ViewState) -> Statement:
    earlier = asked.moved(-1)
    query, before = (state.query(Span(one.start, one.end), request.caller) for one in (asked, earlier))
    return statement(query, before, now=timezone.now())


def _focus_url(asked: Month, state: ViewState, kind: str) -> str:
    last = asked.moved(1).first - asked.first.resolution
    more = {"from": asked.first.isoformat(), "to": last.isoformat()}
    return state.url(reverse("focus", args=[kind]), **more)


def _lines(asked: Month, found: Statement) -> Iterator[list[Any]]:
    span = [exports.local(moment, asked.zone) for moment in (asked.start, asked.end)]
    yield ["month", "start", "end", "zone", "section", "name", *exports.MEASURES]

    def line(section: str, name: str, totals: Totals) -> list[Any]:
        return [asked.key, *span, asked.zone.key, section, name, *exports.measures(totals)]

    yield line("total", "", found.totals)
    for part in found.parts:
        for row in part.rows:
            yield line(part.dimension, row.values[0], row.totals)
    for fee in found.fees or ():
        cost = exports.measures(Totals(cost_usd=fee.cost_usd))[0]
        yield [asked.key, *span, asked.zone.key, "subscription", fee.name, cost, *[""] * (len(exports.MEASURES) - 1)]
