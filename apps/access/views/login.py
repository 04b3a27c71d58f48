"""Signing in and out."""

from datetime import timedelta

from django.conf import settings
from django.contrib import auth
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.access.domain.identity import Role
from apps.access.forms import LoginForm
from apps.access.login_protection import remember_browser
from apps.access.models import User
from apps.access.pages import PageRequest, page, public, see_other
from apps.access.services import audit

_EXPECTED = "signs_in_next"
HOME, START = "/", "/start"
"""What was asked for by its plain address opens as the person chose, like a visit that names no page."""


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Asks for email and password. The answer is the same for an unknown person and a wrong password."""
    if request.method != "POST":
        form = LoginForm(email=request.session.pop(_EXPECTED, ""))
        return see_other(_way_on(request)) if request.user.is_authenticated else _shown(request, form)
    form = LoginForm(request.POST)
    if not form.is_valid():
        return _shown(request, form, 422)
    person = auth.authenticate(request, username=form.cleaned_data["email"], password=form.cleaned_data["password"])
    return _refused(request, form) if person is None else _welcomed(request, person)


@page(role=Role.ANALYST, while_password_is_temporary=True)
@require_POST
def logout(request: PageRequest) -> HttpResponse:
    """Ends the session."""
    with transaction.atomic():
        audit.record(caller=request.caller, action="session.ended", obj=request.user)
        auth.logout(request)
    return see_other("access:login")


def expect(request: HttpRequest, email: str) -> None:
    """Who has just chosen a password finds the address typed, once."""
    request.session[_EXPECTED] = email


def _welcomed(request: HttpRequest, person: User) -> HttpResponse:
    with transaction.atomic():
        auth.login(request, person)
        audit.record(caller=person.caller(), action="session.started", obj=person)
    response = see_other(_way_on(request))
    remember_browser(response, person)
    return response


def _refused(request: HttpRequest, form: LoginForm) -> HttpResponse:
    wait: timedelta = getattr(request, "login_wait", timedelta(0))
    person = User.objects.filter(email=form.cleaned_data["email"].strip().lower()).first()
    after = {"waits": wait > timedelta(0)}
    audit.record(caller=person.email if person else "unknown address", action="session.refused", after=after)
    if wait <= timedelta(0):
        form.add_error(None, "This email and password do not belong together.")
        return _shown(request, form, 422)
    minutes = max(1, round(wait.total_seconds() / 60))
    form.add_error(None, f"Too many tries. Please wait {minutes} min, then try again.")
    response = _shown(request, form, 429)
    response["Retry-After"] = str(max(1, round(wait.total_seconds())))
    return response


def _shown(request: HttpRequest, form: LoginForm, status: int = 200) -> HttpResponse:
    nobody_yet = status == 200 and not User.objects.exists()
    context = {"form": form, "next": _next(request), "nobody_yet": nobody_yet, "mail": bool(settings.EMAIL_URL)}
    return render(request, "access/login.html", context, status=status)


def _way_on(request: HttpRequest) -> str:
    wanted = _next(request)
    return START if wanted in ("", HOME) else wanted


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if it is one of our own pages."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else ""
