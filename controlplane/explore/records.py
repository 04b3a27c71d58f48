"""The records behind a number: a list by time, each with its cost in parts, and all of them as CSV."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.access.selectors.places import project_rows_of
from apps.costs.domain.calendars import zone_words
from apps.costs.domain.money_format import format_money
from apps.costs.domain.periods import Preset, days_words
from apps.costs.domain.price_words import unit_words
from apps.costs.selectors import metrics
from apps.costs.selectors.demo import demo_state
from apps.costs.selectors.explained import explained
from apps.costs.selectors.metrics import BadQuery
from apps.costs.selectors.records import Page, Position, usage_page, usage_record
from apps.costs.selectors.reporting import reporting_zone
from controlplane import exports, filterbar
from controlplane.conversations.links import conversation_url
from controlplane.explore.asked import Asked, asked
from controlplane.explore.state import PATH
from controlplane.filterbar import Link
from controlplane.templatetags.bursar import instant

ON_A_PAGE = 50
IN_A_PIECE = 2000
FIELDS = (
    "occurred_at", "id", "project", "agent", "provider", "model", "operation", "role", "tier", "task_type", "tool",
    "user", "conversation_id", "task_id", "status", "error_type", "attempt", "calls", "input_tokens",
    "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens", "reasoning_output_tokens",
    "latency_ms", "time_to_first_token_ms", "cost_source", "cost_usd",
)  # fmt: skip


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def records(request: PageRequest) -> HttpResponse:
    """Fifty records of a state, newest first; the next ones behind a cursor, so that the list never skips a record."""
    question = _asked(request)
    state, period = question.state, question.period
    context: dict[str, Any] = {
        "state": state.view,
        "period": period,
        "days": days_words(period.first, period.last),
        "zone": zone_words(period.zone, period.now),
        "notices": question.notices,
        "back": state.view.url(PATH),
    }
    with metrics.one_snapshot():
        demo = demo_state(timezone.now(), question.caller)
        context["bar"] = filterbar.build(state.view, period, demo=demo.exists, compares=False)
        try:
            older, newer = _cursor(request, "after"), _cursor(request, "before")
            found = usage_page(question.query, limit=ON_A_PAGE, older_than=older, newer_than=newer)
        except BadQuery as error:
            context |= {"too_much": error.message, "ways_out": _ways_out(question), "announcement": error.message}
        else:
            context |= _listed(question, found)
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(request, "explore/_records.html" if fragment else "explore/records.html", context)


def _asked(request: PageRequest) -> Asked:
    question = asked(request)
    view = replace(question.state.view, path=reverse("explore-records"))
    return replace(question, state=replace(question.state, view=view))


def _listed(question: Asked, found: Page) -> dict[str, Any]:
    rows, view = found.records, question.state.view
    return {
        "records": [_row(record) for record in rows],
        "older": view.url(after=_position(rows[-1])) if found.has_older and rows else "",
        "newer": view.url(before=_position(rows[0])) if found.has_newer and rows else "",
        "csv_url": view.url(reverse("explore-records-csv")),
        "announcement": f"{len(rows)} records.",
    }


def _row(record: dict[str, Any]) -> dict[str, Any]:
    address = urlencode({"project": record["sent_project"], "id": record["id"]})
    return {**record, "url": f"{reverse('explore-record')}?{address}"}


def _ways_out(question: Asked) -> list[Link]:
    """The newest part of the period that can be listed."""
    view = question.state.view
    first = max(question.period.first, question.period.last - timedelta(days=30))
    choice = replace(view.choice, preset=Preset.CUSTOM, first=first, last=question.period.last, unit=None)
    return [Link(f"Only {days_words(first, question.period.last)}", replace(view, choice=choice).url())]


def _position(record: dict[str, Any]) -> str:
    return f"{record['occurred_at'].isoformat()} {record['id']} {record['sent_project']}"


def _cursor(request: PageRequest, name: str) -> Position | None:
    """Where the page begins; a cursor that makes no sense is the beginning."""
    parts = request.GET.get(name, "").replace("\0", "").split(" ", 2)
    try:
        moment = datetime.fromisoformat(parts[0])
    except ValueError:
        return None
    is_whole = len(parts) == len(("time", "id", "project")) and moment.tzinfo is not None
    return (moment, parts[1], parts[2]) if is_whole else None


@page(role=Role.ANALYST)
@require_GET
def record(request: PageRequest) -> HttpResponse:
    """One record with everything that is known of it, and its cost in the parts it was billed by."""
    project = request.GET.get("project", "").replace("\0", "")
    rows = project_rows_of(request.caller, project)
    found = usage_record(request.GET.get("id", "").replace("\0", ""), rows=rows)
    if found is None:
        raise Http404
    one = explained(found)
    parts = [{**part, "words": unit_words(part["unit"])} for part in one["cost_parts"] or ()]
    facts = [
        (name.replace("_", " "), instant(one[name]) if isinstance(one[name], datetime) else one[name])
        for name in FIELDS
        if name in one and one[name] not in (None, "")
    ]
    talk = conversation_url(one["sent_project"], one["conversation_id"]) if one["conversation_id"] else ""
    context = {"record": one, "parts": parts, "facts": facts, "zone": reporting_zone().key, "conversation": talk}
    return render(request, "explore/record.html", context)


@page(role=Role.ANALYST)
@require_GET
def records_csv(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """Every record of a state, newest first, read and sent piece by piece."""
    question = _asked(request)
    if refusal := exports.unless_understood(question.notices):
        return refusal
    try:
        first = usage_page(question.query, limit=IN_A_PIECE)
    except BadQuery as error:
        return exports.refused(error.message)
    return exports.csv_response(_lines(question, first), name="bursar-records", period=question.period)


def _lines(question: Asked, found: Page) -> Iterator[list[Any]]:
    zone = question.period.zone
    yield ["time", "zone", *FIELDS[1:]]
    while found.records:
        for one in found.records:
            yield [exports.local(one["occurred_at"], zone), zone.key, *(_cell(one[name]) for name in FIELDS[1:])]
        if not found.has_older:
            return
        last = found.records[-1]
        position = (last["occurred_at"], last["id"], last["sent_project"])
        found = usage_page(question.query, limit=IN_A_PIECE, older_than=position)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else format_money(value)
