"""Providers: how each model does at the moment, and the same model elsewhere."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.routing.models import ModelHealth
from apps.routing.selectors.background import cheaper_in_background
from apps.routing.selectors.dominance import dominated
from apps.routing.selectors.failover import failovers
from apps.routing.selectors.providers import compare_providers
from apps.routing.views.tabs import tabs

MOST_MOVES = 20


@page(role=Role.ANALYST)
@require_safe
def provider_list(request: PageRequest) -> HttpResponse:
    """Health now, the last 30 days by provider and model, and what moves would have saved."""
    now, seen = timezone.now(), request.caller.project_ids
    found = compare_providers(now=now, project_ids=seen)
    context = {
        "tabs": tabs("routing:providers"),
        "states": ModelHealth.objects.order_by("-calls", "provider", "model"),
        "done": found.done,
        "moves": found.moves[:MOST_MOVES],
        "advice": dominated(now=now, project_ids=seen)[:MOST_MOVES],
        "background": cheaper_in_background(now=now, project_ids=seen)[:MOST_MOVES],
        "failovers": failovers(now=now, project_ids=seen),
    }
    return render(request, "routing/providers.html", context)
