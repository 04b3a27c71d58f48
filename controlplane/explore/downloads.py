"""Explore as CSV and JSON: exactly the view, every group by its name, exact values; nothing is folded into a rest."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.periods import days_words
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from controlplane import exports
from controlplane.explore.asked import Asked, asked
from controlplane.explore.cells import Placed, placed
from controlplane.explore.measures import Cell, Measure, Value, merged, plain
from controlplane.rendering import to_json

NAME = "bursar-explore"
PIECE = 500


@page(role=Role.ANALYST)
@require_GET
def explore_csv(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """One line for each cell of the table, or with `over=time` for each group and piece of time of the chart."""
    question = asked(request)
    if refusal := exports.unless_understood(question.notices):
        return refusal
    try:
        names, rows = _read(question, over_time=request.GET.get("over") == "time")
    except BadQuery as error:
        return exports.refused(error.message)
    return exports.csv_response(_lines(question, names, rows), name=NAME, period=question.period)


@page(role=Role.ANALYST)
@require_GET
def explore_json(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """The same as one JSON object, its `results` one by one."""
    question = asked(request)
    if refusal := exports.unless_understood(question.notices):
        return refusal
    try:
        names, rows = _read(question, over_time=request.GET.get("over") == "time")
    except BadQuery as error:
        return exports.refused(error.message)
    response = StreamingHttpResponse(_pieces(question, names, rows), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{exports.filename(NAME, question.period, "json")}"'
    return response


def _read(question: Asked, *, over_time: bool) -> tuple[tuple[str, ...], list[Placed]]:
    """The dimensions and the cells of a file, in the order of time, then largest first."""
    state, measure = question.state, question.state.measure
    names = (state.view.group,) if over_time else state.group_by
    edges = question.period.pieces if over_time else ()
    query: UsageQuery = question.query
    with metrics.one_snapshot():
        rows = placed(query, names, measure, edges)
    rows.sort(key=lambda row: (row.bucket or query.start, -(measure.of(row.cell) or 0), row.values))
    return names, rows


def _spans(question: Asked, row: Placed) -> tuple[str, str]:
    period = question.period
    ends = dict(zip(period.pieces, period.pieces[1:], strict=False))
    start, end = (row.bucket, ends[row.bucket]) if row.bucket else (period.span.start, period.span.end)
    return exports.local(start, period.zone), exports.local(end, period.zone)


def _wholes(measure: Measure, rows: list[Placed]) -> dict[datetime | None, Value]:
    """All usage by bucket: what a share is a part of."""
    parts: dict[datetime | None, list[Cell]] = {}
    for row in rows if measure.is_share else ():
        parts.setdefault(row.bucket, []).append(row.cell)
    return {bucket: measure.of(merged(cells)) for bucket, cells in parts.items()}


def _lines(question: Asked, names: tuple[str, ...], rows: list[Placed]) -> Iterator[list[Any]]:
    measure, zone = question.state.measure, question.period.zone.key
    yield ["start", "end", "zone", *names, measure.column]
    wholes, known = _wholes(measure, rows), dict[Any, tuple[str, str]]()
    for row in rows:
        if row.bucket not in known:
            known[row.bucket] = _spans(question, row)
        yield [*known[row.bucket], zone, *row.values, _plain(measure, row, wholes)]


def _plain(measure: Measure, row: Placed, wholes: Mapping[datetime | None, Value]) -> str:
    return plain(measure.out_of(measure.of(row.cell), wholes.get(row.bucket)), measure.unit)


def _pieces(question: Asked, names: tuple[str, ...], rows: list[Placed]) -> Iterator[bytes]:
    period, measure = question.period, question.state.measure
    head = {
        "from": period.span.start,
        "to": period.span.end,
        "tz": period.zone.key,
        "days": days_words(period.first, period.last),
        "measure": measure.column,
        "group_by": list(names),
        "filters": {name: list(values) for name, values in question.state.view.filters},
    }
    wholes = _wholes(measure, rows)
    yield to_json(head)[:-1] + b',"results":['
    for number, row in enumerate(rows):
        start, end = _spans(question, row)
        named = dict(zip(names, row.values, strict=True))
        value = _plain(measure, row, wholes) or None
        line = to_json({"start": start, "end": end, **named, measure.column: value})
        yield (b"," if number else b"") + line
    yield b"]}"
