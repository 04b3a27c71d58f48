"""The list of conversations, dearest first, as a page and as CSV."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET
from django_htmx.http import push_url

from apps.access.domain.identity import Caller, Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.calendars import zone_words
from apps.costs.domain.formats import money_column
from apps.costs.domain.money_format import format_money
from apps.costs.domain.periods import Period, Preset, days_words
from apps.costs.selectors import metrics
from apps.costs.selectors.conversations import (
    Conversation,
    ConversationPage,
    Order,
    Place,
    conversation_page,
)
from apps.costs.selectors.demo import demo_state
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.tags import tag_names
from controlplane import exports, filterbar
from controlplane.conversations.links import conversation_url
from controlplane.conversations.live import live_list, moment
from controlplane.conversations.state import ORDERS, VERDICTS, Listed, read
from controlplane.filterbar import Link, Option
from controlplane.viewstate import BEYOND, DIMENSIONS, ViewState, dimension_name

ON_A_PAGE = 50
IN_A_PIECE = 1000
COLUMNS = (
    "project", "id", "agent", "calls", "error_calls", "tool_executions", "unpriced_calls", "input_tokens",
    "cache_read_input_tokens", "output_tokens", "cost_usd", "success", "success_source", "quality", "quality_source",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for the list."""

    state: Listed
    period: Period
    caller: Caller
    notices: list[str]

    @property
    def view(self) -> ViewState:
        """What it shares with other reading pages."""
        return self.state.view

    @property
    def query(self) -> UsageQuery:
        """The question about the whole period."""
        return self.view.query(self.period.span, self.caller)

    def page(self, *, limit: int, after: Place | None = None) -> ConversationPage:
        """A part of the answer. Raises BadQuery."""
        state = self.state
        return conversation_page(self.query, limit=limit, order=state.order, verdict=state.verdict, after=after)


def asked(request: PageRequest) -> Asked:
    """Reads the address. Raises nothing: what is not understood becomes a notice."""
    state, notices = read(dict(request.GET.lists()), reporting_zone())
    return Asked(state, state.view.choice.at(timezone.now()), request.caller, notices)


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def conversations(request: PageRequest) -> HttpResponse:
    """Fifty conversations that were going on in the period, the next ones behind a cursor."""
    question = asked(request)
    with metrics.one_snapshot():
        context = _frame(question)
        try:
            found = question.page(limit=ON_A_PAGE, after=_place(request, question.state.order))
        except BadQuery as error:
            context |= {"too_much": error.message, "announcement": error.message}
        else:
            context |= _listed(question, found) | live_list(question.view, question.query)
    fragment = request.htmx and not request.htmx.history_restore_request
    response = render(request, "conversations/_list.html" if fragment else "conversations/list.html", context)
    return push_url(response, question.view.url()) if fragment and "filter_by" in request.GET else response


@page(role=Role.ANALYST)
@require_GET
def more_conversations(request: PageRequest) -> HttpResponse:
    """The line above the list again, with what was heard of meanwhile; 286 ends the asking where there is none."""
    question = asked(request)
    context = live_list(question.view, question.query, moment(request.GET.get("since", "")))
    if not context["more_url"]:
        return HttpResponse(status=286)
    return render(request, "components/_live.html", context)


def _frame(question: Asked) -> dict[str, Any]:
    view, period, listed = question.view, question.period, question.state
    demo = demo_state(timezone.now(), question.caller)
    names = [*DIMENSIONS, *BEYOND, *(f"tag:{name}" for name in tag_names(question.caller.project_ids))]
    week = replace(view.choice, preset=Preset.DAYS_7, first=None, last=None, unit=None)
    return {
        "bar": filterbar.build(view, period, demo=demo.exists, compares=False),
        "demo_state": demo,
        "state": view,
        "period": period,
        "days": days_words(period.first, period.last),
        "zone": zone_words(period.zone, period.now),
        "notices": question.notices,
        "filterable": [Option(name, dimension_name(name)) for name in names],
        "orders": [
            Link(
                words,
                question.state.but(order=order, verdict=question.state.verdict).url(),
                order is question.state.order,
            )
            for order, words in ORDERS.items()
        ],
        "verdicts": [
            Link(words, listed.but(verdict=verdict).url(), verdict is listed.verdict)
            for verdict, words in VERDICTS.items()
        ],
        "ways_out": [Link("Last 7 days", replace(view, choice=week).url())],
        "csv_url": view.url(reverse("conversations-csv")),
    }


def _listed(question: Asked, found: ConversationPage) -> dict[str, Any]:
    rows = found.conversations
    costs = money_column([_known(row) for row in rows])
    return {
        "rows": [
            {"one": row, "url": conversation_url(row.sent_project, row.id), "cost": cost}
            for row, cost in zip(rows, costs, strict=True)
        ],
        "more": question.view.url(after=_cursor(rows[-1], question.state.order)) if found.has_more else "",
        "announcement": f"{len(rows)} conversations{' and more' if found.has_more else ''}.",
    }


def _known(row: Conversation) -> Decimal | None:
    """What it cost, or None where no call has a known cost."""
    return None if row.unpriced_calls and row.unpriced_calls == row.calls and not row.cost_usd else row.cost_usd


def _cursor(row: Conversation, order: Order) -> str:
    value = format_money(row.cost_usd) if order is Order.COST else row.last_at.isoformat()
    return f"{value} {row.project_id} {row.id}"


def _place(request: PageRequest, order: Order) -> Place | None:
    """Where the page begins; a cursor that makes no sense is the beginning."""
    parts = request.GET.get("after", "").replace("\0", "").split(" ", 2)
    try:
        value: Decimal | datetime
        value = Decimal(parts[0]) if order is Order.COST else datetime.fromisoformat(parts[0])
        project = int(parts[1])
    except (InvalidOperation, ValueError, IndexError):
        return None
    is_sound = value.is_finite() if isinstance(value, Decimal) else value.tzinfo is not None
    return Place(value, parts[2], project) if len(parts) > 2 and is_sound and abs(project) < 2**31 else None


@page(role=Role.ANALYST)
@require_GET
def conversations_csv(request: PageRequest) -> HttpResponse | StreamingHttpResponse:
    """Every conversation of a state, read and sent piece by piece."""
    question = asked(request)
    if refusal := exports.unless_understood(question.notices):
        return refusal
    try:
        first = question.page(limit=IN_A_PIECE)
    except BadQuery as error:
        return exports.refused(error.message)
    return exports.csv_response(_lines(question, first), name="bursar-conversations", period=question.period)


def _lines(question: Asked, found: ConversationPage) -> Iterator[list[Any]]:
    zone = question.period.zone
    yield ["first_call", "last_call", "zone", *COLUMNS]
    while found.conversations:
        for row in found.conversations:
            times = [exports.local(moment, zone) for moment in (row.first_at, row.last_at)]
            yield [*times, zone.key, *(_cell(getattr(row, name)) for name in COLUMNS)]
        if not found.has_more:
            return
        last = found.conversations[-1]
        value = last.cost_usd if question.state.order is Order.COST else last.last_at
        found = question.page(limit=IN_A_PIECE, after=Place(value, last.id, last.project_id))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_money(value) if isinstance(value, Decimal) else str(value)
