"""One conversation: what happened in it step by step, what it was spent on, and how it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from apps.access.domain.identity import Caller, Role
from apps.access.models import Project
from apps.access.pages import PageRequest, page
from apps.access.selectors.places import project_rows_of
from apps.budgets.domain.scopes import Facts
from apps.budgets.domain.states import BudgetState, Unit
from apps.budgets.selectors.states import budget_state
from apps.costs.domain.calendars import zone_words
from apps.costs.domain.formats import money_column, percent
from apps.costs.selectors import metrics
from apps.costs.selectors.conversations import (
    Conversation,
    Judgement,
    Step,
    Task,
    conversation,
    judgements,
    model_shares,
    tasks_in,
    timeline,
    tool_shares,
)
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.selectors.decisions import why_of_conversation
from controlplane import figures
from controlplane.conversations.links import conversation_url
from controlplane.conversations.live import live_one
from controlplane.filterbar import Option
from controlplane.supposing import what_if_url
from controlplane.viewstate import whole_number

ON_A_PAGE = 100
MOST_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Line:
    """One step as the page shows it; `after` is how long after the beginning it happened."""

    number: int
    step: Step
    url: str
    at: str
    after: Decimal
    cost: str
    running: str
    caused: str
    whole: Decimal | None
    why: str
    used: str


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def one_conversation(request: PageRequest, project: str, conversation_id: str) -> HttpResponse:
    """The page of one conversation by its address."""
    return _shown(request, project, conversation_id)


@gzip_page
@page(role=Role.ANALYST)
@require_GET
def conversation_by_id(request: PageRequest) -> HttpResponse:
    """The same for names that a path cannot carry."""
    return _shown(request, request.GET.get("project", ""), request.GET.get("id", ""))


def find(caller: Caller, project: str, conversation_id: str) -> Conversation:
    """The conversation, if this caller may see it. Raises Http404."""
    found = conversation(project_rows_of(caller, project.replace("\0", "")), conversation_id.replace("\0", ""))
    if found is None:
        raise Http404
    return found


def _shown(request: PageRequest, project: str, conversation_id: str) -> HttpResponse:
    with metrics.one_snapshot():
        one = find(request.caller, project, conversation_id)
        context = _context(request, one)
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(request, "conversations/_one.html" if fragment else "conversations/one.html", context)


@page(role=Role.ANALYST)
@require_GET
def more_steps(request: PageRequest) -> HttpResponse:
    """The line above the page again, with the steps that came meanwhile."""
    one = find(request.caller, request.GET.get("project", ""), request.GET.get("id", ""))
    return render(request, "components/_live.html", live_one(one, whole_number(request.GET.get("seen", ""))))


def _context(request: PageRequest, one: Conversation) -> dict[str, Any]:
    number = _page_number(request)
    records = one.calls + one.tool_executions
    budgets = conversation_budgets(one)
    steps = timeline(one, limit=ON_A_PAGE + 1, offset=(number - 1) * ON_A_PAGE)
    tasks = tasks_in(one)
    told = judgements(one.project_id, {one.id, *(task.id for task in tasks)})
    models = model_shares(one)
    return {
        "one": one,
        "all_tokens": one.input_tokens + one.output_tokens,
        "lasted": _ms(one.last_at - one.first_at),
        "began": _clock(one.first_at, with_day=True),
        "zone": zone_words(reporting_zone(), timezone.now()),
        "days_url": _days_url(one),
        "lines": _lines(request.caller, one, steps[:ON_A_PAGE], (number - 1) * ON_A_PAGE, _tightest(budgets)),
        "budgets": budgets,
        "is_estimated": any(step.record["usage_source"] == "estimate" and not step.is_tool for step in steps),
        "earlier": conversation_url(one.sent_project, one.id, page=str(number - 1)) if number > 1 else "",
        "later": conversation_url(one.sent_project, one.id, page=str(number + 1)) if len(steps) > ON_A_PAGE else "",
        "page_number": number,
        "page_count": -(-records // ON_A_PAGE),
        "models": models,
        "token_parts": figures.token_parts(metrics.added([_totals(share) for share in models])),
        "tools": tool_shares(one),
        "tasks": tasks,
        "what_if_url": what_if_url(
            request.caller, (("project", [one.project]), ("agent", [one.agent])), since=one.first_at, now=timezone.now()
        ),
        "records_url": f"{reverse('explore-records')}?{urlencode(_records_query(one))}",
        "announcement": f"{records:,} steps.",
        **judging(one, tasks, told, request.caller),
        **live_one(one),
    }


def judging(one: Conversation, tasks: Sequence[Task], told: Sequence[Judgement], caller: Caller) -> dict[str, Any]:
    """What the part of the page needs that shows how it went and takes what a person says of it."""
    targets = [task.id for task in tasks if task.id] or [one.id]
    own = next((item for item in told if item.user_id == caller.user_id and item.user_id is not None), None)
    return {
        "one": one,
        "tasks": tasks,
        "judged": [task for task in tasks if task.success is not None or task.quality is not None],
        "judgements": told,
        "own": own,
        "targets": [Option(name, name) for name in targets],
        "judge_url": reverse("conversation-judge"),
        "undo_url": reverse("conversation-undo"),
    }


def _totals(share: Any) -> metrics.Totals:
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens",
             "reasoning_output_tokens")  # fmt: skip
    return metrics.Totals(**{name: getattr(share, name) for name in names})


def conversation_budgets(one: Conversation) -> list[BudgetState]:
    """The budgets that every conversation has a counter of its own in, as this one stands in them, tightest first."""
    is_demo = Project.objects.filter(pk=one.project_id, is_demo=True).exists()
    facts = Facts(project_id=one.project_id, project=one.project, agent=one.agent, conversation=one.id, is_demo=is_demo)
    states = budget_state(facts=facts, now=timezone.now())
    return [state for state in states if state.each == "conversation" and not state.paused]


def _tightest(budgets: Sequence[BudgetState]) -> Decimal | None:
    """The limit in USD that the running total is told against."""
    return next((state.limit for state in budgets if state.unit == Unit.USD), None)


def _lines(caller: Caller, one: Conversation, steps: Sequence[Step], before: int, limit: Decimal | None) -> list[Line]:
    decided = any(step.record["decision_id"] for step in steps)
    decisions = why_of_conversation(caller, one.project_id, one.id) if decided else {}
    costs = money_column([step.record["cost_usd"] for step in steps])
    running = money_column([step.running_usd for step in steps])
    caused = money_column([step.caused_usd for step in steps])
    return [
        Line(
            number=before + place + 1,
            step=step,
            url=f"{reverse('explore-record')}?{urlencode({'project': one.sent_project, 'id': step.record['id']})}",
            at=_clock(step.record["occurred_at"], with_day=one.last_at - one.first_at > timedelta(hours=20)),
            after=_ms(step.record["occurred_at"] - one.first_at),
            cost=costs[place],
            running=running[place],
            caused=caused[place],
            whole=(step.record["cost_usd"] or Decimal(0)) + step.caused_usd if step.is_tool else None,
            why=decisions.get(step.record["decision_id"], {}).get("reason", ""),
            used=percent(step.running_usd, limit) if limit else "",
        )
        for place, step in enumerate(steps)
    ]


def _page_number(request: PageRequest) -> int:
    text = request.GET.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS else 1


def _clock(moment: datetime, *, with_day: bool) -> str:
    wall = moment.astimezone(reporting_zone())
    return f"{wall:%b} {wall.day}, {wall:%H:%M:%S}" if with_day else f"{wall:%H:%M:%S}"


def _ms(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(milliseconds=1))


def _records_query(one: Conversation) -> list[tuple[str, str]]:
    zone = reporting_zone()
    first, last = one.first_at.astimezone(zone).date(), one.last_at.astimezone(zone).date()
    first = max(first, last - timedelta(days=30))
    return [("from", str(first)), ("to", str(last)), ("project", one.project), ("conversation", one.id)]


def _days_url(one: Conversation) -> str:
    """The Overview of the day the conversation began."""
    day = str(one.first_at.astimezone(reporting_zone()).date())
    return f"{reverse('overview')}?{urlencode([('from', day), ('to', day), ('project', one.project)])}"
