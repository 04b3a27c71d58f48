"""Declares who may open a page. A view without a declaration is refused, and fails the matrix test."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from apps.access.domain.identity import Caller, Role
from apps.access.models import User
from apps.access.services import audit

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
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url(settings.LOGIN_URL))
    return redirect_to_login(request.get_full_path())
