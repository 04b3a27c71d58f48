"""Demo data: load it, remove it, and how far it is."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller, Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.models import DemoRun
from apps.costs.selectors.demo import demo_state
from apps.costs.services.demo import ask_to_load, ask_to_remove


@page(role=Role.ADMIN)
@require_POST
def load(request: PageRequest) -> HttpResponse:
    """Asks for demo data; the Overview then shows how far it is."""
    return _asked(request, lambda caller, now: ask_to_load(caller=caller, now=now))


@page(role=Role.ADMIN)
@require_POST
def remove(request: PageRequest) -> HttpResponse:
    """Asks to remove all demo data."""
    return _asked(request, lambda caller, now: ask_to_remove(caller=caller, now=now))


@page(role=Role.ANALYST)
@require_safe
def state(request: PageRequest) -> HttpResponse:
    """The notice alone, for htmx to refresh while work goes on."""
    return render(request, "costs/_demo.html", {"demo_state": demo_state(timezone.now(), request.caller)})


def _asked(request: PageRequest, ask: Callable[[Caller, datetime], DemoRun]) -> HttpResponse:
    if request.caller.project_ids is not None:
        raise PermissionDenied("Demo data is loaded and removed by admins who are not limited to projects.")
    try:
        ask(request.caller, timezone.now())
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return see_other("overview")
