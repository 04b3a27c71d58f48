"""What a person says of a conversation: a thumb, a quality, a note; and taking it back."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.outcomes import MAX_NOTE
from apps.costs.selectors.conversations import Conversation, judgements, tasks_in
from apps.costs.services.outcomes.recording import record_outcomes
from apps.costs.services.outcomes.withdrawing import withdraw_outcome
from controlplane.conversations.links import conversation_url
from controlplane.conversations.one import find, judging

SUCCESS = {"yes": True, "no": False}
PERCENT = Decimal(100)


@page(role=Role.ANALYST)
@require_POST
def judge(request: PageRequest) -> HttpResponse:
    """Stores an outcome by a person, through the same service as `POST /api/outcomes`."""
    one = find(request.caller, request.POST.get("project", ""), request.POST.get("id", ""))
    sent, problem = _outcome(request.POST, one)
    if not problem:
        told = record_outcomes([sent], caller=request.caller, now=timezone.now()).told[0]
        problem = " ".join(error.message for error in told.errors)
        if not problem:
            return _answer(request, one, "Thank you, that counts from now on.", undo=told.id or "")
    return _answer(request, one, problem, status=422)


@page(role=Role.ANALYST)
@require_POST
def undo(request: PageRequest) -> HttpResponse:
    """Takes one's own judgement back."""
    one = find(request.caller, request.POST.get("project", ""), request.POST.get("id", ""))
    withdrawn = withdraw_outcome(
        caller=request.caller, project_id=one.project_id, outcome_id=request.POST.get("outcome", "").replace("\0", "")
    )
    return _answer(request, one, "Your judgement is taken back." if withdrawn else "It was taken back already.")


def _outcome(given: QueryDict, one: Conversation) -> tuple[dict[str, Any], str]:
    """The outcome as the API takes it, or what is wrong with the form."""
    success, quality = SUCCESS.get(given.get("success", "")), None
    text = given.get("quality", "").strip()
    if text:
        try:
            quality = Decimal(text) / PERCENT
        except InvalidOperation:
            return {}, "Quality is a number from 0 to 100."
        if not (quality.is_finite() and 0 <= quality <= 1):
            return {}, "Quality is a number from 0 to 100."
    if success is None and quality is None:
        return {}, "Say how it went, give a quality, or both."
    task = given.get("task") or one.id
    if task != one.id and task not in {known.id for known in tasks_in(one)}:
        return {}, "This conversation has no such task."
    sent: dict[str, Any] = {"task_id": task, "project": one.sent_project, "source": "user"}
    if success is not None:
        sent["success"] = success
    if quality is not None:
        sent["quality"] = float(quality)
    if note := given.get("note", "").strip():
        if len(note) > MAX_NOTE:
            return {}, f"A note has at most {MAX_NOTE:,} characters."
        sent["note"] = note
    return sent, ""


def _answer(request: PageRequest, one: Conversation, words: str, *, undo: str = "", status: int = 200) -> HttpResponse:
    """The part of the page that shows how it went; without a script the page itself again."""
    if not request.htmx:
        (messages.success if status == 200 else messages.warning)(request, words)
        return see_other(f"{conversation_url(one.sent_project, one.id)}#outcome")
    tasks = tasks_in(one)
    told = judgements(one.project_id, {one.id, *(task.id for task in tasks)})
    context = judging(one, tasks, told, request.caller) | {"problem": words if status != 200 else "", "undone": undo}
    answer = render(request, "conversations/_outcome.html", context, status=status)
    if status == 200:
        trigger_client_event(answer, "toast", {"text": words})
    return answer
