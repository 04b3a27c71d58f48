"""The public price lists: their age, looking for newer ones, what would change, deciding, applying, undoing."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.domain.formats import count
from apps.costs.models import ChangeState, ListChange, PriceListEdition
from apps.costs.selectors import price_lists as lists
from apps.costs.services.price_lists import apply_changes, ask_for_check, decide, undo_changes
from apps.costs.views.prices.tabs import tabs

PAGE_SIZE = 50


def _may_change(request: PageRequest) -> bool:
    return request.caller.has_role(Role.ADMIN) and request.caller.project_ids is None


@page(role=Role.ANALYST)
@require_safe
def price_lists(request: PageRequest) -> HttpResponse:
    """Both lists and everything they would change, what waits for a decision first."""
    now = timezone.now()
    ready = Paginator(lists.changes_in(ChangeState.OPEN, ChangeState.ACCEPTED), PAGE_SIZE)
    found = ready.get_page(request.GET.get("page"))
    waiting = lists.changes_in(ChangeState.QUARANTINED)[:PAGE_SIZE]
    counts = lists.counts_by_state()
    context = {
        "tabs": tabs("costs:price-lists", request.caller),
        "lists": lists.list_states(now),
        "check": lists.last_check(now),
        "broken": lists.broken_words(),
        "page": found,
        "ready": lists.change_rows(found),
        "ready_effect": lists.effect_of_ready(),
        "waiting": lists.change_rows(waiting),
        "waiting_count": counts.get(ChangeState.QUARANTINED, 0),
        "rejected": lists.change_rows(lists.changes_in(ChangeState.REJECTED)[:PAGE_SIZE]),
        "may_change": _may_change(request),
        "sees_use": request.caller.project_ids is None,
    }
    return render(request, "prices/lists.html", context)


@page(role=Role.ANALYST)
@require_safe
def state(request: PageRequest) -> HttpResponse:
    """The notice of a check alone, for htmx to refresh while it goes on."""
    return render(request, "prices/_check.html", {"check": lists.last_check(timezone.now())})


@page(role=Role.ADMIN)
@require_POST
def check(request: PageRequest) -> HttpResponse:
    """Asks to look for new prices; the page then shows how far it is."""

    def act() -> str:
        ask_for_check(caller=request.caller, now=timezone.now())
        return ""

    return _done(request, act)


@page(role=Role.ADMIN)
@require_POST
def apply(request: PageRequest) -> HttpResponse:
    """Appends every price that is ready."""

    def act() -> str:
        applied = apply_changes(caller=request.caller, now=timezone.now())
        told = [f"{count(one.prices)} prices of {source}" for source, one in applied.items()]
        return f"Applied {' and '.join(told)}. They hold from now on." if told else "There was nothing to apply."

    return _done(request, act)


@page(role=Role.ADMIN)
@require_POST
def accept(request: PageRequest, change_id: int) -> HttpResponse:
    """Lets a price that waited be applied."""
    return _decided(request, change_id, accept=True)


@page(role=Role.ADMIN)
@require_POST
def reject(request: PageRequest, change_id: int) -> HttpResponse:
    """Refuses a price; the same value is not asked again."""
    return _decided(request, change_id, accept=False)


@page(role=Role.ADMIN)
@require_POST
def undo(request: PageRequest, edition_id: int) -> HttpResponse:
    """Sets every price an edition changed back to what it was, from now on."""

    def act() -> str:
        try:
            prices = undo_changes(caller=request.caller, edition_id=edition_id, now=timezone.now())
        except PriceListEdition.DoesNotExist as error:
            raise Http404 from error
        return f"Set back {count(prices)} prices from now on. Calls made in between keep their cost."

    return _done(request, act)


def _decided(request: PageRequest, change_id: int, *, accept: bool) -> HttpResponse:
    def act() -> str:
        try:
            change = decide(caller=request.caller, change_id=change_id, accept=accept, now=timezone.now())
        except ListChange.DoesNotExist as error:
            raise Http404 from error
        what = "Accepted: it is written with the next Apply" if accept else "Rejected: not asked again for this value"
        return f"{what}. {change.provider}/{change.name} of {change.source}."

    return _done(request, act)


def _done(request: PageRequest, act: Callable[[], str]) -> HttpResponse:
    try:
        if words := act():
            messages.success(request, words)
    except Refused as refusal:
        messages.warning(request, f"{refusal.message} Nothing was changed.")
    return see_other("costs:price-lists")
