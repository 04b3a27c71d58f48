"""The page Explore: its controls, the chart, the table, and what to do when a question is too large."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET
from django_htmx.http import push_url

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.calendars import zone_words
from apps.costs.domain.periods import Preset, days_words
from apps.costs.selectors import metrics
from apps.costs.selectors.currencies import Converted, converted
from apps.costs.selectors.demo import demo_state
from apps.costs.selectors.first_seen import first_seen_numbers
from apps.costs.selectors.metrics import BadQuery
from apps.costs.selectors.tags import tag_names
from controlplane import filterbar
from controlplane.explore.asked import Asked, Found, asked, found
from controlplane.explore.chart import drawn
from controlplane.explore.live import live
from controlplane.explore.measures import MEASURES, Source, merged
from controlplane.explore.state import PATH, ROWS, Explored, Shape
from controlplane.explore.table import table
from controlplane.filterbar import Link, Option
from controlplane.supposing import what_if_url
from controlplane.viewstate import BEYOND, DIMENSIONS, dimension_name

SHAPES = {Shape.TIME: "Over time", Shape.RUNNING: "Running total", Shape.RANKING: "Ranking"}


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def explore(request: PageRequest) -> HttpResponse:
    """The page, or the part of it that htmx swaps."""
    question = asked(request)
    with metrics.one_snapshot():
        context = _frame(question) | _answer(question) | live(question)
    fragment = request.htmx and not request.htmx.history_restore_request
    response = render(request, "explore/_view.html" if fragment else "explore/explore.html", context)
    return push_url(response, question.state.url()) if fragment and _is_form(request) else response


def _is_form(request: PageRequest) -> bool:
    """A form sends every field: the address that is shown is the canonical one."""
    return "measure" in request.GET or "filter_by" in request.GET


def _frame(question: Asked) -> dict[str, Any]:
    state, period = question.state, question.period
    demo = demo_state(timezone.now(), question.caller)
    bar = filterbar.build(state.view, period, demo=demo.exists)
    names = [*DIMENSIONS, *BEYOND, *(f"tag:{name}" for name in tag_names(question.caller.project_ids))]
    return {
        "bar": bar,
        "demo_state": demo,
        "state": state.view,
        "explored": state,
        "period": period,
        "days": days_words(period.first, period.last),
        "zone": zone_words(period.zone, period.now),
        "notices": question.notices,
        "measures": [Option(key, one.label, one is state.measure) for key, one in MEASURES.items()],
        "firsts": _dimensions(names, state.view.group),
        "seconds": [Option("", "nothing", not state.then), *_dimensions(names, state.then)],
        "filterable": _dimensions(names, ""),
        "shapes": [Link(label, state.but(shape=shape).url(), state.shape is shape) for shape, label in SHAPES.items()],
        "hidden": _hidden(state),
        "path": PATH,
        "title": state.title,
    }


def _dimensions(names: list[str], chosen: str) -> list[Option]:
    known = names if chosen in names or not chosen else [*names, chosen]
    return [Option(name, dimension_name(name), name == chosen) for name in known]


def _hidden(state: Explored) -> list[tuple[str, str]]:
    """What the form of measure and dimensions keeps of the state."""
    kept = replace(state.view, group="model", own=()).choice.pairs(state.view.default_zone)
    kept += [(name, value) for name, values in state.view.filters for value in values]
    kept += [("demo", "1")] if state.view.demo else []
    return kept + [pair for pair in state.view.own if pair[0] in ("show", "rows")]


def _answer(question: Asked) -> dict[str, Any]:
    """The chart and the table, or why there is none."""
    state = question.state
    try:
        is_read = question.reads_records
        cells = found(question)
    except BadQuery as error:
        told = {"too_much": error.message, "ways_out": _ways_out(state), "announcement": error.message}
        return told | {"why_records": _why_records(state)}
    numbers = first_seen_numbers(state.view.group, {row.values[0] for row in cells.groups})
    chart = drawn(state, question.period, cells, numbers)
    slots = {series.key: series.slot for series in chart.series if series.key is not None}
    rows = table(state, cells, slots)
    return {
        "is_empty": not cells.groups,
        "reads_records": is_read,
        "is_waste": state.measure.source is Source.WASTE,
        "why_records": _why_records(state),
        "chart": chart,
        "table": rows,
        "is_ranking": state.shape is Shape.RANKING,
        "compared": cells.comparison.words if cells.comparison else "",
        "is_usd": state.measure.unit == "usd",
        "converted": _converted(question, cells),
        "more": state.but(rows=ROWS[1]).url() if rows.left_out and state.rows == ROWS[0] else "",
        "records_url": state.url(reverse("explore-records")),
        "conversations_url": replace(state.view, own=()).url(reverse("conversations")),
        "what_if_url": what_if_url(
            question.caller, state.view.filters, since=question.period.span.start, now=question.period.now
        ),
        "downloads": [
            Link("CSV", state.url(reverse("explore-csv"))),
            Link("JSON", state.url(reverse("explore-json"))),
        ],
        "focus": [
            Link("FOCUS CSV", state.view.url(reverse("focus", args=["csv"]))),
            Link("FOCUS Parquet", state.view.url(reverse("focus", args=["parquet"]))),
        ],
        "chart_csv": state.url(reverse("explore-csv"), over="time"),
        "query": urlsplit(state.url()).query,
        "announcement": chart.summary,
    }


def _converted(question: Asked, cells: Found) -> Converted | None:
    """The spend in the currency that is shown beside US dollars."""
    if question.state.measure.key != "cost_usd":
        return None
    usd = merged([one.cell for one in cells.groups]).totals.cost_usd
    return converted(question.query, usd, now=question.period.now)


def _why_records(state: Explored) -> str:
    """Why no sum is kept that could answer."""
    if state.measure.source is Source.WASTE:
        return (
            "Which call repeated which, and what a prompt cache could have answered, is told by the single records."
            " By at most two dimensions of the cube it is kept as sums of days, once they are over."
            " What failed calls cost is kept as a sum."
        )
    if "error_type" in (*state.group_by, *dict(state.view.filters)):
        return "The type of an error is in the single records alone. How many calls failed is kept as a sum."
    return "No sum is kept for this combination."


def _ways_out(state: Explored) -> list[Link]:
    """Smaller questions than this one, and the nearest one that sums answer."""
    week = replace(state.view.choice, preset=Preset.DAYS_7, first=None, last=None, unit=None)
    links = [Link("Last 7 days", replace(state, view=replace(state.view, choice=week)).url())]
    if state.then:
        links.append(Link(f"Without {dimension_name(state.then).lower()}", state.but(then="").url()))
    if state.measure.source is Source.WASTE:
        links.append(Link("Only failed calls", state.but(measure=MEASURES["failed_usd"]).url()))
    if state.view.group == "error_type":
        links.append(Link("By status", state.but(group="status").url()))
    return links
