"""Versions and drafts: the list, one with what it changes, and rolling back in one click."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.budgets.domain.sentences import sentence
from apps.budgets.services.in_step import InStep
from apps.routing.domain.policy_diff import Difference, differences
from apps.routing.models import PolicyVersion
from apps.routing.selectors.policies import checked, current_version
from apps.routing.services import policies
from apps.routing.services.conversation_budgets import change_ahead
from apps.routing.views.tabs import tabs

MOST_VERSIONS = 100


@page(role=Role.ANALYST)
@require_safe
def version_list(request: PageRequest) -> HttpResponse:
    """Every version, newest first, and the drafts above them."""
    current = current_version()
    context = {
        "tabs": tabs("routing:versions", request.caller),
        "versions": PolicyVersion.objects.published().defer("document")[:MOST_VERSIONS],
        "drafts": PolicyVersion.objects.drafts().defer("document"),
        "discarded": PolicyVersion.objects.discarded().defer("document")[:MOST_VERSIONS],
        "kept_days": settings.DISCARDED_DRAFT_DAYS,
        "current": current.version if current else None,
        "may_change": request.caller.may_change_for_all(),
    }
    return render(request, "routing/versions.html", context)


@page(role=Role.ANALYST)
@require_safe
def version(request: PageRequest, version: int) -> HttpResponse:
    """One version: what it changed against the one before, and what rolling back to it would change now."""
    row = PolicyVersion.objects.filter(version=version).first()
    if row is None:
        raise Http404
    before = PolicyVersion.objects.filter(version=version - 1).first()
    current = current_version()
    is_current = current is not None and current.version == version
    context: dict[str, Any] = {
        "tabs": tabs("routing:versions", request.caller),
        "row": row,
        "is_current": is_current,
        "before": before,
        "changed": told(differences(before.document if before else {}, row.document)),
        "may_change": request.caller.may_change_for_all(),
    }
    if current is not None and not is_current:
        context |= {
            "current": current,
            "budget": budget_told(change_ahead(before=current.document, document=row.document)),
            "going_back": told(differences(current.document, row.document)),
            "problems": checked(row.document, now=timezone.now())[1],
        }
    return render(request, "routing/version.html", context)


@page(role=Role.ADMIN)
@require_POST
def roll_back(request: PageRequest, version: int) -> HttpResponse:
    """Publishes again what a version said, as the next version."""
    if not PolicyVersion.objects.filter(version=version).exists():
        raise Http404
    try:
        again = policies.roll_back(caller=request.caller, version=version, now=timezone.now())
    except Refused as refusal:
        messages.error(request, f"Nothing was changed. {refusal.message}")
        return see_other("routing:version", version)
    messages.success(request, f"Version {again.version} is in force: it says what version {version} said.")
    return see_other("routing:tiers")


@page(role=Role.ADMIN)
@require_POST
def new_draft(request: PageRequest) -> HttpResponse:
    """A draft of the version in force, or of another that is named, ready to be edited.

    One that the same person made before, and changed nothing in, is opened again.
    """
    wanted = request.POST.get("of", "")
    found = (
        PolicyVersion.objects.filter(version=int(wanted)).first()
        if wanted.isdecimal() and len(wanted) < 9
        else current_version()
    )
    if found is None:
        raise Http404
    same = PolicyVersion.objects.drafts().filter(
        made_by=request.caller.actor, based_on=found.version, document=found.document, note=""
    )
    draft = same.first() or policies.make_draft(caller=request.caller, document=found.document, based_on=found.version)
    return see_other("routing:draft", draft.pk)


def told(found: list[Difference]) -> list[dict[str, Any]]:
    """Differences as rows of a table."""
    return [{"path": one.path.strip("."), "before": _words(one.before), "after": _words(one.after)} for one in found]


def budget_told(change: InStep) -> dict[str, Any]:
    """What becomes of the budget of every conversation, as sentences; "" where there is none."""
    return {
        "id": change.budget.pk if change.budget else None,
        "before": sentence(change.before) if change.before else "",
        "after": sentence(change.after) if change.after else "",
    }


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != {} else "none"
