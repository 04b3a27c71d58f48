"""Providers: how each model does at the moment, and the same model elsewhere."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page
from apps.routing.models import ModelHealth
from apps.routing.selectors.providers import compare_providers
from apps.routing.views.tabs import tabs

MOST_MOVES = 20


@page(role=Role.ANALYST)
@require_safe
def provider_list(request: PageRequest) -> HttpResponse:
    """Health now, the last 30 days by provider and model, and what moves would have saved."""
    found = compare_providers(now=timezone.now(), project_ids=request.caller.project_ids)
    context = {
        "tabs": tabs("routing:providers"),
        "states": ModelHealth.objects.order_by("-calls", "provider", "model"),
        "done": found.done,
        "moves": found.moves[:MOST_MOVES],
    }
    return render(request, "routing/providers.html", context)
