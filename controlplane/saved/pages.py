"""The pages of saved views: the list, save, change, delete with undo, and which one a page opens with."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller, Role
from apps.access.pages import PageRequest, page, see_other
from apps.costs.selectors.reporting import reporting_zone
from controlplane.models import SavedView
from controlplane.saved import services
from controlplane.saved.forms import ChangeForm, SaveForm
from controlplane.saved.kinds import KINDS, Seen, seen
from controlplane.saved.selectors import SIGN_IN, deleted_views_of, may_change, start_ids, start_urls, views_of

MOST_IN_MENU = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One view of the list, with what this person may do."""

    view: SavedView
    page: str
    words: str
    owner: str
    is_start: bool
    is_first: bool
    may_change: bool


@page(role=Role.ANALYST)
@require_safe
def view_list(request: PageRequest) -> HttpResponse:
    """Own views and those others share, by name."""
    starts, firsts = start_ids(request.caller)
    rows = [_row(request.caller, view, starts, firsts) for view in views_of(request.caller)]
    context = {"rows": rows, "deleted": deleted_views_of(request.caller)[:5]}
    return render(request, "saved/views.html", context)


@page(role=Role.ANALYST)
@require_safe
def first(request: PageRequest) -> HttpResponse:
    """Where a visit begins: the view this person chose for it, else the Overview as it opens."""
    starts = start_urls(request.caller.user_id) if request.caller.user_id is not None else {}
    home = reverse("overview")
    return HttpResponseRedirect(starts.get(SIGN_IN) or starts.get(home, home))


@page(role=Role.ANALYST)
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: PageRequest) -> HttpResponse:
    """Gives the state of an address, `of`, a name."""
    of = (request.POST if request.method == "POST" else request.GET).get("of", "/")
    state = seen(of, _zone())
    if state is None:
        raise Http404
    form = SaveForm(request.POST if request.method == "POST" else None)
    asks_to_replace = False
    if request.method == "POST" and form.is_valid():
        try:
            view = services.save_view(caller=request.caller, url=of, **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
            asks_to_replace = isinstance(refusal, Conflict)
        else:
            messages.success(request, f"Saved as {view.name}.")
            return see_other(view.url)
    context = {"form": form, "state": state, "page_name": KINDS[state.state.path].label, "back": state.state.url()}
    context["asks_to_replace"] = asks_to_replace
    return render(request, "saved/save.html", context, status=422 if form.errors else 200)


@page(role=Role.ANALYST)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PageRequest, view_id: int) -> HttpResponse:
    """Another name, shared or not."""
    view = views_of(request.caller).filter(id=view_id).first()
    if view is None or not may_change(request.caller, view):
        raise Http404
    shown = {"name": view.name, "is_shared": view.is_shared, "version": view.version}
    form = ChangeForm(request.POST if request.method == "POST" else None, initial=shown)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_view(caller=request.caller, view_id=view_id, **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
            if refusal.code == "changed":
                view.refresh_from_db()
                form.show_standing({"name": view.name, "is_shared": view.is_shared, "version": view.version})
        else:
            messages.success(request, "Saved.")
            return see_other("views")
    context = {"form": form, "row": _row(request.caller, view)}
    return render(request, "saved/change.html", context, status=422 if form.errors else 200)


@page(role=Role.ANALYST)
@require_POST
def delete(request: PageRequest, view_id: int) -> HttpResponse:
    """Deletes a view; the list offers to put it back."""
    return _acted(request, view_id, services.delete_view, "is deleted. You can put it back below.")


@page(role=Role.ANALYST)
@require_POST
def restore(request: PageRequest, view_id: int) -> HttpResponse:
    """Puts a deleted view back."""
    return _acted(request, view_id, services.restore_view, "is back.")


@page(role=Role.ANALYST)
@require_POST
def start(request: PageRequest, view_id: int) -> HttpResponse:
    """Lets its page, or with `first` the visit, open with this view for the person, or, with `on` empty, no longer."""
    is_start, is_first = bool(request.POST.get("on")), bool(request.POST.get("first"))

    def choose(*, caller: Caller, view_id: int) -> SavedView:
        return services.choose_start(caller=caller, view_id=view_id, is_start=is_start, after_sign_in=is_first)

    opens = "signing in leads to" if is_first else "its page opens with"
    words = f"is what {opens} now." if is_start else f"is no longer what {opens}."
    return _acted(request, view_id, choose, words)


def _acted(request: PageRequest, view_id: int, act: Callable[..., SavedView], words: str) -> HttpResponse:
    try:
        view = act(caller=request.caller, view_id=view_id)
        messages.success(request, f"{view.name} {words}")
    except SavedView.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return see_other("views")


def menu(caller: Caller, state_url: str) -> dict[str, Any] | None:
    """The views of the page an address is on, for its menu; None if its states cannot be saved."""
    state: Seen | None = seen(state_url, _zone())
    if state is None:
        return None
    url = state.state.url()
    views = list(views_of(caller).filter(path=state.state.path)[: MOST_IN_MENU + 1])
    return {
        "url": url,
        "views": views[:MOST_IN_MENU],
        "current": next((view for view in views if view.url == url), None),
        "has_more": len(views) > MOST_IN_MENU,
    }


def _row(caller: Caller, view: SavedView, starts: Collection[int] = (), firsts: Collection[int] = ()) -> Row:
    state = seen(view.url, _zone())
    is_own = view.owner_id is not None and view.owner_id == caller.user_id
    return Row(
        view,
        KINDS[view.path].label if view.path in KINDS else view.path,
        state.words if state else "",
        "you" if is_own else view.owner.email if view.owner else view.created_by,
        view.pk in starts,
        view.pk in firsts,
        may_change(caller, view),
    )


def _zone() -> ZoneInfo:
    return reporting_zone()
