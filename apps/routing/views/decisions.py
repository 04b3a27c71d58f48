"""Decisions: the newest ones, and one with its candidates, factors and the calls it led to."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, lowest_role, page
from apps.access.selectors.places import project_rows_of, sent_names_of
from apps.routing.domain.policy import Policy, policy_of
from apps.routing.models import PolicyVersion
from apps.routing.selectors.decisions import calls_of, decision, newest
from apps.routing.selectors.sent_down import sent_down
from apps.routing.selectors.told_to import told_to
from apps.routing.views.playground import answered
from apps.routing.views.tabs import tabs

SHOWN = 50
NOT_SHOWN = ("id", "sizes")
LATELY = timedelta(days=30)


@page(role=Role.ANALYST)
@require_safe
def decision_list(request: PageRequest) -> HttpResponse:
    """The fifty newest decisions of the projects one may see."""
    rows = newest(since=timezone.now() - LATELY, limit=SHOWN, project_ids=request.caller.project_ids)
    names = sent_names_of({row.project_id for row in rows})
    told = [
        {
            "row": row,
            "project": names[row.project_id].project,
            "sent_project": names[row.project_id].sent_project,
            "reason": told_to(request.caller, row.answer)["reason"],
        }
        for row in rows
        if row.project_id in names
    ]
    now = timezone.now()
    down = sent_down(now - LATELY, now, project_ids=request.caller.project_ids)
    context = {
        "tabs": tabs("routing:decisions", request.caller),
        "rows": told,
        "down": down,
        "may_try": request.caller.has_role(lowest_role("routing:playground")),
    }
    return render(request, "routing/decisions.html", context)


@page(role=Role.ANALYST)
@require_safe
def one_decision(request: PageRequest, decision_id: str) -> HttpResponse:
    """One decision of `?project=`; the message was not kept."""
    rows = project_rows_of(request.caller, request.GET.get("project", "").replace("\0", ""))
    found = decision(rows, decision_id.replace("\0", ""))
    if found is None:
        raise Http404
    names = sent_names_of([found.project_id])[found.project_id]
    calls, answer = calls_of(found, project=names.sent_project), told_to(request.caller, found.answer)
    context: dict[str, Any] = {
        "tabs": tabs("routing:decisions", request.caller),
        "found": found,
        "project": names.project,
        "sent_project": names.sent_project,
        "asked": [
            (name.replace("_", " "), _words(value))
            for name, value in sorted(found.asked.items())
            if name not in NOT_SHOWN
        ],
        "sizes": found.asked.get("sizes"),
        "calls": calls,
        "spent": sum((call["cost_usd"] for call in calls if call["cost_usd"] is not None), Decimal(0)),
    }
    return render(request, "routing/decision.html", context | answered(answer, _policy_of(found.policy_version)))


def _policy_of(version: int) -> Policy | None:
    """The policy by which was decided: its ruler shows where the score lay."""
    row = PolicyVersion.objects.filter(version=version).first()
    return policy_of(row.document) if row else None


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_words(item)}" for name, item in value.items())
    return str(value)
