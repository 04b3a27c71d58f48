"""Providers: how each model does at the moment, and the same model elsewhere."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.routing.domain.parameter_advice import KINDS, has_parameters, parameters_of, with_parameters
from apps.routing.selectors.background import cheaper_in_background
from apps.routing.selectors.dominance import dominated
from apps.routing.selectors.failover import failovers
from apps.routing.selectors.health import health_for
from apps.routing.selectors.parameter_advice import parameter_advice
from apps.routing.selectors.policies import current_version
from apps.routing.selectors.providers import compare_providers
from apps.routing.services import policies
from apps.routing.views.tabs import tabs

MOST_MOVES = 20


@page(role=Role.ANALYST)
@require_safe
def provider_list(request: PageRequest) -> HttpResponse:
    """Health now, the last 30 days by provider and model, and what moves would have saved."""
    now, seen = timezone.now(), request.caller.project_ids
    found = compare_providers(now=now, project_ids=seen)
    context = {
        "tabs": tabs("routing:providers", request.caller),
        "states": health_for(now=now, project_ids=seen),
        "done": found.done,
        "moves": found.moves[:MOST_MOVES],
        "advice": dominated(now=now, project_ids=seen)[:MOST_MOVES],
        "background": cheaper_in_background(now=now, project_ids=seen)[:MOST_MOVES],
        "parameters": parameter_advice(now=now, project_ids=seen),
        "may_change": request.caller.may_change_for_all(),
        "failovers": failovers(now=now, project_ids=seen),
    }
    return render(request, "routing/providers.html", context)


@page(role=Role.ADMIN)
@require_POST
def advice_draft(request: PageRequest) -> HttpResponse:
    """Makes a draft of the policy in force in which a model has the parameters of an advice."""
    kind = next((one for one in KINDS if one == request.POST.get("kind")), None)
    provider, model = request.POST.get("provider", ""), request.POST.get("model", "")
    current = current_version()
    if kind is None or current is None or has_parameters(current.document, provider, model, kind) is None:
        raise Http404
    draft = policies.make_draft(
        caller=request.caller,
        document=with_parameters(current.document, provider, model, kind),
        note=f"{provider}/{model}: {', '.join(parameters_of(kind))}, as the page Providers advises",
        based_on=current.version,
    )
    messages.success(request, f"Draft {draft.pk} has it. Publish it on its page, or discard it here.")
    return see_other(f"{reverse('routing:providers')}#parameters")
