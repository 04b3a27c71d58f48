"""Changing a password, and getting a new one by mail once mail is set up."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.forms import ChangePasswordForm, ForgotPasswordForm, NewPasswordForm
from apps.access.login_protection import begin_try, end_try
from apps.access.models import User
from apps.access.pages import PageRequest, page, public, see_other
from apps.access.services import passwords
from apps.access.views.login import expect


@page(role=Role.ANALYST, while_password_is_temporary=True)
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: PageRequest) -> HttpResponse:
    """Asks for the present password too, unless it is the one-time password just used."""
    kind = NewPasswordForm if request.user.must_change_password else ChangePasswordForm
    form = kind(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _knows_present(request, form) and _changed(request, form):
        update_session_auth_hash(request, request.user)
        messages.success(request, "Your password is changed. Other sessions of yours have ended.")
        return see_other("/")
    return render(request, "access/change_password.html", {"form": form}, status=422 if form.errors else 200)


@public
@require_http_methods(["GET", "HEAD", "POST"])
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Takes an address and always says the same. Only there once mail is set up."""
    if not settings.EMAIL_URL:
        raise Http404
    form = ForgotPasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        passwords.request_reset(email=form.cleaned_data["email"], base_url=request.build_absolute_uri("/"))
        messages.info(request, "If somebody with this address is here, a link is on its way to it.")
        return see_other("access:login")
    return render(request, "access/forgot_password.html", {"form": form}, status=422 if form.errors else 200)


@public
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def reset_password(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Takes a new password from whoever followed a mailed link."""
    person = passwords.person_of_link(uid, token)
    if person is None:
        return _ended(request)
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.reset_password(uid=uid, token=token, password=form.cleaned_data["password"])
        except Refused as refusal:
            form.refuse(refusal)
        except User.DoesNotExist:
            return _ended(request)
        else:
            expect(request, person.email)
            messages.success(request, "Your password is changed. Sign in with it.")
            return see_other("access:login")
    context = {"form": form, "email": person.email}
    return render(request, "access/reset_password.html", context, status=422 if form.errors else 200)


def _ended(request: HttpRequest) -> HttpResponse:
    return render(request, "access/link_ended.html", {"what": "link for a new password"}, status=404)


def _knows_present(request: PageRequest, form: NewPasswordForm) -> bool:
    """Guesses here are counted with those at the login."""
    if "old_password" not in form.fields:
        return True
    wait, try_id = begin_try(request, request.user.email)
    if wait > timedelta(0):
        form.add_error("old_password", "Too many tries. Please wait a few minutes.")
        return False
    if request.user.check_password(form.cleaned_data["old_password"]):
        end_try(try_id)
        return True
    form.add_error("old_password", "This is not your present password.")
    return False


def _changed(request: PageRequest, form: NewPasswordForm) -> bool:
    try:
        passwords.change_password(person=request.user, password=form.cleaned_data["password"])
    except Refused as refusal:
        form.refuse(refusal)
    return not form.errors
