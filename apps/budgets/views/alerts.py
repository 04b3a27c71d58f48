"""The alert inbox: list with filters, one alert, taking it up, silencing it, taking that back; and the bell."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.budgets.forms.alerts import AlertFilterForm, SilenceForm
from apps.budgets.models import Alert, AlertState
from apps.budgets.selectors import inbox
from apps.budgets.selectors.budgets import with_a_page
from apps.budgets.services.alerting import acting
from apps.budgets.services.alerting.lowering import lowered_while

PAGE_SIZE = 50
TABS = {
    "open": "Open",
    AlertState.FIRING: "Firing",
    AlertState.ACKNOWLEDGED: "Acknowledged",
    AlertState.SILENCED: "Silenced",
    AlertState.RESOLVED: "Resolved",
    "all": "All",
}


@page(role=Role.ANALYST)
@require_safe
def alert_list(request: PageRequest) -> HttpResponse:
    """Alerts the filter of the address finds, newest first; open ones at first."""
    form = AlertFilterForm(inbox.known_kinds(request.caller), request.GET)
    wanted = form.wanted()
    found = Paginator(inbox.alerts_of(request.caller, wanted), PAGE_SIZE).get_page(request.GET.get("page"))
    kept = {"severity": wanted.severity, "kind": wanted.kind, "budget": wanted.budget_id}
    kept = {name: value for name, value in kept.items() if value}
    context = {
        "form": form,
        "wanted": wanted,
        "page": found,
        "rows": [(alert, inbox.kind_words(alert.kind)) for alert in found],
        "tabs": [(words, urlencode({"state": state} | kept), state == wanted.state) for state, words in TABS.items()],
        "filtered": bool(kept),
        "query": urlencode({"state": wanted.state} | kept),
        "may_silence": request.caller.has_role(Role.ADMIN),
    }
    return render(request, "alerts/alerts.html", context)


@page(role=Role.ANALYST)
@require_safe
def alert_page(request: PageRequest, alert_id: int) -> HttpResponse:
    """One alert: its facts, its state, what can be done, and every message that told of it."""
    return _shown(request, alert_id, SilenceForm())


@page(role=Role.ANALYST)
@require_POST
def acknowledge(request: PageRequest, alert_id: int) -> HttpResponse:
    """Says that somebody has taken it up."""
    return _acted(request, alert_id, acting.acknowledge, "Acknowledged. Nobody is reminded of it.")


@page(role=Role.ANALYST)
@require_POST
def take_back(request: PageRequest, alert_id: int) -> HttpResponse:
    """Undoes an acknowledgement, or a silence."""
    return _acted(request, alert_id, acting.fire_again, "It is firing again.")


@page(role=Role.ADMIN)
@require_POST
def silence(request: PageRequest, alert_id: int) -> HttpResponse:
    """Tells nobody of it, and of new alerts on the same subject, for a while."""
    form = SilenceForm(request.POST)
    if not form.is_valid():
        return _shown(request, alert_id, form)
    until = timezone.now() + form.length

    def act(**arguments: Any) -> Alert:
        return acting.silence(until=until, **arguments)

    return _acted(request, alert_id, act, f"Silenced until {until:%Y-%m-%d %H:%M} UTC.")


@page(role=Role.ANALYST)
@require_safe
def bell(request: PageRequest) -> HttpResponse:
    """The bell of the top bar, which asks for itself again."""
    return render(request, "alerts/_bell.html", {"firing": inbox.firing_count(request.caller)})


def _shown(request: PageRequest, alert_id: int, form: SilenceForm) -> HttpResponse:
    alert = get_object_or_404(Alert.objects.visible_to(request.caller), id=alert_id)
    context = {
        "alert": alert,
        "kind": inbox.kind_words(alert.kind),
        "form": form,
        "budget_id": alert.budget_id if with_a_page([alert.budget_id]) else None,
        "lowered": lowered_while(alert, now=timezone.now()),
        "deliveries": inbox.deliveries_of(alert)[:100],
        "may_silence": request.caller.has_role(Role.ADMIN),
        "may_resend": request.caller.has_role(Role.ADMIN) and request.caller.project_ids is None,
    }
    return render(request, "alerts/alert.html", context, status=422 if form.errors else 200)


def _acted(request: PageRequest, alert_id: int, act: Callable[..., Alert], words: str) -> HttpResponse:
    try:
        act(caller=request.caller, alert_id=alert_id, now=timezone.now())
        messages.success(request, words)
    except Alert.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, f"{refusal.message} Nothing was changed.")
    back = request.POST.get("next", "")
    if back and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return see_other(back)
    return see_other("budgets:alert", alert_id)
