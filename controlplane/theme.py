"""The theme switch: light, dark or as the system says, kept in a cookie so that no page flashes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from apps.access.pages import public

COOKIE = "theme"
THEMES = ("light", "dark")
YEAR_SECONDS = 365 * 86400


def chosen_theme(request: HttpRequest) -> str:
    """The theme a person chose; "" follows the system."""
    theme = request.COOKIES.get(COOKIE, "")
    return theme if theme in THEMES else ""


@public
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Keeps the choice and goes back to the page it was made on. Works without a script."""
    response = redirect(_way_back(request))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(COOKIE, theme, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response


def _way_back(request: HttpRequest) -> str:
    back = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return back if allowed else "/"
