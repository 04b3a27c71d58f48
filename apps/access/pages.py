"""Declares who may open a page. A view without a declaration is refused, and fails the matrix test."""

from collections.abc import Callable, Collection
from functools import cache, wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django_htmx.middleware import HtmxDetails

from apps.access.domain.identity import Caller, Role
from apps.access.models import User
from apps.access.services import audit

MOST_TOLD = 5

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """What a page's view receives: a person, the caller they are, and htmx's details."""

    user: User
    caller: Caller
    htmx: HtmxDetails


PageView = Callable[Concatenate[PageRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(*, role: Role, while_password_is_temporary: bool = False) -> Callable[[PageView[P]], View[P]]:
    """Opens the view to signed-in people with this role or a higher one, as `request.caller`.

    A person with a one-time password is sent to change it first, except to views that allow it.
    """

    def declare(view: PageView[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_login(request)
            if request.user.must_change_password and not while_password_is_temporary:
                return redirect("access:change_password")
            person = cast(PageRequest, request)
            person.caller = person.user.caller()
            if not person.caller.has_role(role):
                audit.record_denial(person.caller, method=request.method or "", path=request.path)
                raise PermissionDenied(f"This page is for the role {role.value}; yours is {person.user.role}.")
            return view(person, *args, **kwargs)

        guarded.required_role = role  # type: ignore[attr-defined]
        return cast(View[P], guarded)

    return declare


@cache
def lowest_role(name: str) -> Role:
    """The lowest role that may open the page with this name."""
    declared: Role = getattr(resolve(reverse(name)).func, "required_role", Role.ANALYST)
    return declared


def unknown_words(request: HttpRequest, known: Collection[str]) -> list[str]:
    """A sentence for each parameter of the address that the page does not know, as a filter that is misspelt."""
    names = sorted(request.GET.keys() - set(known))
    return [f"This page does not know \u201c{name[:40]}\u201d; it is left out." for name in names[:MOST_TOLD]]


def tell_unknown(request: HttpRequest, known: Collection[str]) -> None:
    """Says so above the page."""
    for sentence in unknown_words(request, known):
        messages.warning(request, sentence)


def see_other(to: str, *args: Any) -> HttpResponse:
    """303: after a POST the browser asks for the next page with GET. `to` is a path or the name of a URL."""
    response = redirect(to, *args)
    response.status_code = 303
    return response


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the view to everybody: the login page, invitations, health of the process."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def is_declared(view: Callable[..., Any]) -> bool:
    """True if the view says who may use it: a role, scopes per method, or everybody."""
    api_class = getattr(view, "cls", None)
    return (
        hasattr(view, "required_role")
        or getattr(view, "is_public", False)
        or bool(getattr(api_class, "required_scopes", None))
    )


def _to_login(request: HttpRequest) -> HttpResponseBase:
    """Asks to sign in, then leads back.

    A part of a page is refused and the page left alone, with all that is typed into it: its script says what to do.
    """
    if request.headers.get("HX-Request"):
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    asked = request.get_full_path() if request.method in ("GET", "HEAD") else _came_from(request)
    return redirect_to_login(asked)


def _came_from(request: HttpRequest) -> str:
    """The page whose form was sent: the form's own address may have nothing to look at."""
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc != request.get_host():
        return "/"
    return urlunsplit(("", "", page.path or "/", page.query, ""))
