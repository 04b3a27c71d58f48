"""The first page of routing: the tiers in force, their ruler, models, prices, health and use."""

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.costs.domain.formats import percent
from apps.costs.domain.providers import canonical_provider
from apps.routing.charts import ruler
from apps.routing.domain.policy import policy_of
from apps.routing.models import ModelHealth
from apps.routing.selectors.policies import current_version
from apps.routing.selectors.tiers import tiers_of
from apps.routing.selectors.use import TierUse, use_by_tier
from apps.routing.views.tabs import tabs

STRATEGIES = {
    "cost_optimized": "Cost first: the cheapest model that is good enough",
    "balanced": "Balanced: quality against cost",
    "quality_first": "Quality first: the best model that is known, the cheaper of equals",
}


@page(role=Role.ANALYST)
@require_safe
def tier_list(request: PageRequest) -> HttpResponse:
    """The tiers of the version in force, with what went through each in the last 30 days."""
    now = timezone.now()
    current = current_version()
    context: dict[str, Any] = {
        "tabs": tabs("routing:tiers", request.caller),
        "current": current,
        "may_change": request.caller.may_change_for_all(),
    }
    if current is not None:
        policy = policy_of(current.document)
        use = use_by_tier(now=now, project_ids=request.caller.project_ids)
        context |= {
            "policy": policy,
            "strategy": STRATEGIES[policy.model_routing_strategy],
            "explored": percent(Decimal(str(policy.exploration.share)), 1),
            "ruler": ruler([(tier.name, tier.upper) for tier in policy.tiers]),
            "tiers": _with_use(tiers_of(policy, now=now), use),
            "others": _others(use, policy.tier_names()),
            "total": TierUse(
                sum(one.calls for one in use.values()), sum((one.cost_usd for one in use.values()), Decimal(0))
            ),
        }
    return render(request, "routing/tiers.html", context)


def _with_use(tiers: list[dict[str, Any]], use: dict[str, TierUse]) -> list[dict[str, Any]]:
    health = {(row.provider, row.model): row for row in ModelHealth.objects.all()}
    for tier in tiers:
        tier["use"] = use.get(tier["name"], TierUse())
        for model in tier["models"]:
            model["health"] = health.get((canonical_provider(model["provider"]), model["name"]))
            model["limits"] = _limits(model)
    return tiers


def _limits(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Each limit of a minute with how much of it the last minute used."""
    row = model["health"]
    used = (row.minute_requests, row.minute_input_tokens, row.minute_output_tokens) if row is not None else (0, 0, 0)
    names = (("limit_requests", "requests"), ("limit_input", "input tokens"), ("limit_output", "output tokens"))
    return [
        {"words": words, "limit": model[name], "used": amount}
        for (name, words), amount in zip(names, used, strict=True)
        if model[name] is not None
    ]


def _others(use: dict[str, TierUse], names: list[str]) -> list[dict[str, Any]]:
    """Calls of tiers that the policy does not have, and of none."""
    rest = sorted(name for name in use if name not in names)
    return [{"name": name or "no tier", "use": use[name]} for name in rest]
