"""The playground: paste a message, see what a decision would be and why. Nothing is kept."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.formats import count, money
from apps.costs.selectors.known_names import known_names
from apps.routing.charts import bars, ruler
from apps.routing.domain.asked import Asked, read
from apps.routing.domain.policy import Policy
from apps.routing.domain.reasons import verdict_words
from apps.routing.forms.playground import ABILITIES, question_of
from apps.routing.models import PolicyVersion
from apps.routing.selectors.in_force import as_if, in_force
from apps.routing.selectors.policies import checked
from apps.routing.selectors.told_to import told_to
from apps.routing.services.decisions import preview
from apps.routing.views.tabs import tabs


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def playground(request: PageRequest) -> HttpResponse:
    """The form, and after it the answer an agent would get with the numbers behind it."""
    drafts = list(PolicyVersion.objects.drafts()[:20])
    draft = next((row for row in drafts if str(row.pk) == request.POST.get("under", "")), None)
    blocked = _blocked(draft)
    found = as_if(draft.document) if draft and not blocked else in_force()
    context: dict[str, Any] = {
        "drafts": drafts,
        "draft": draft,
        "tabs": tabs("routing:playground", request.caller),
        "sent": request.POST,
        "known": known_names(request.caller),
        "abilities": [(name, name in request.POST.getlist("requires")) for name in ABILITIES],
        "policy": found.policy if found else None,
        "number": found.version if found else None,
        "requires": request.POST.getlist("requires"),
        # What was asked again, with the tier it should have had: of the policy in force, whose score is meant.
        "labels": found.policy.tier_names() if found and not draft else (),
    }
    if request.method != "POST":
        return render(request, "routing/playground.html", context)
    if blocked:
        context["complaints"] = [f"Draft {draft.pk if draft else ''} cannot work: {blocked}"]
        return render(request, "routing/playground.html", context, status=422)
    question = question_of(request.POST)
    asked = read(question)
    if not isinstance(asked, Asked):
        context["complaints"] = [f"{error.path}: {error.message}" for error in asked]
        return render(request, "routing/playground.html", context, status=422)
    try:
        answer = preview(caller=request.caller, asked=asked, now=timezone.now(), under=found)
    except Refused as refusal:
        context["complaints"] = [refusal.message]
        return render(request, "routing/playground.html", context, status=422)
    policy = found.policy if found else None
    return render(
        request,
        "routing/playground.html",
        context | answered(told_to(request.caller, answer), policy) | _to_copy(request, question),
    )


def _blocked(draft: PolicyVersion | None) -> str:
    """What keeps a draft from working, if anything."""
    problems = checked(draft.document, now=timezone.now())[1] if draft else []
    return next((problem.message for problem in problems if problem.blocks), "")


def answered(answer: Mapping[str, Any], policy: Policy | None) -> dict[str, Any]:
    """An answer as the page shows it, on the ruler of a policy."""
    complexity = answer["complexity"]
    considered = [
        {
            **one,
            "words": verdict_words(one["verdict"]),
            "cost": _amount(one["cost_usd"]),
            "chance": Decimal(str(one.get("chance", 1))),
        }
        for one in answer["considered"]
    ]
    return {
        "answer": {**answer, "considered": considered, "propensity": Decimal(str(answer.get("propensity", 1)))},
        "expected_cost": _amount((answer.get("expected") or {}).get("cost_usd")),
        "budget_words": _budget_words(answer.get("budget")),
        "bars": bars(complexity["factors"]) if complexity else (),
        "mark": round(complexity["score"] * 100, 2) if complexity else None,
        "sure": f"{complexity['confidence']:.0%}" if complexity else "",
        "ruler": ruler([(tier.name, tier.upper) for tier in policy.tiers]) if policy else (),
        "json": msgspec.json.format(json.dumps(answer), indent=2),
    }


def _amount(told: str | None) -> Decimal | None:
    return None if told is None else Decimal(told)


def _budget_words(told: dict[str, Any] | None) -> str:
    """What is spent of the budget that binds, in its own unit."""
    if not told:
        return ""
    if "limit_usd" in told:
        return f"{money(Decimal(told['spent_usd']))} of {money(Decimal(told['limit_usd']))}"
    unit = "tokens" if "limit_tokens" in told else "calls"
    return f"{count(told[f'spent_{unit}'])} of {count(told[f'limit_{unit}'])} {unit}"


def _to_copy(request: PageRequest, question: dict[str, Any]) -> dict[str, str]:
    url = request.build_absolute_uri(reverse("routing:api-decisions"))
    body = json.dumps(question, ensure_ascii=False).replace("'", "'\\''")
    curl = (
        f"curl {url} \\\n  -H 'Authorization: Bearer bsr_…' \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )
    return {"curl": curl}
