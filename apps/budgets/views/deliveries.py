"""Every message with how it went, and sending one again."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.budgets.models import Delivery, DeliveryState
from apps.budgets.selectors import channels as reads
from apps.budgets.services.outbox import resending

PAGE_SIZE = 50
TABS = {"": "All", **dict(DeliveryState.choices)}


@page(role=Role.ADMIN)
@require_safe
def delivery_list(request: PageRequest) -> HttpResponse:
    """Messages, newest first."""
    state = request.GET.get("state", "")
    state = state if state in TABS else ""
    found = Paginator(reads.deliveries_shown(request.caller, state=state), PAGE_SIZE).get_page(request.GET.get("page"))
    tabs = [(words, urlencode({"state": one} if one else {}), one == state) for one, words in TABS.items()]
    context = {"page": found, "tabs": tabs, "query": urlencode({"state": state}), "state": state}
    return render(request, "alerts/deliveries.html", context)


@page(role=Role.ADMIN)
@require_POST
def resend(request: PageRequest, delivery_id: int) -> HttpResponse:
    """Sends a message again."""
    try:
        resending.resend(caller=request.caller, delivery_id=delivery_id, now=timezone.now())
        messages.success(request, "It is sent again with the next sweep, within seconds.")
    except Delivery.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, f"{refusal.message} Nothing was changed.")
    back = request.POST.get("next", "")
    return see_other(back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else "budgets:deliveries")
