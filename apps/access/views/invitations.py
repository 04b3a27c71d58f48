"""Accepting an invitation."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.access.domain.errors import Refused
from apps.access.forms import NewPasswordForm
from apps.access.models import Invitation
from apps.access.pages import public, see_other
from apps.access.selectors.people import invitation_of
from apps.access.services import people
from apps.access.views.login import expect


@public
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Takes a password from whoever holds the link, which works once."""
    invitation = invitation_of(token)
    if invitation is None:
        return render(request, "access/link_ended.html", {"what": "invitation"}, status=404)
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            person = people.accept_invitation(token=token, password=form.cleaned_data["password"])
        except Refused as refusal:
            form.refuse(refusal)
        except Invitation.DoesNotExist:
            return render(request, "access/link_ended.html", {"what": "invitation"}, status=404)
        else:
            expect(request, person.email)
            messages.success(request, "Welcome. Sign in with the password you have just chosen.")
            return see_other("access:login")
    context = {"form": form, "invitation": invitation}
    return render(request, "access/accept_invitation.html", context, status=422 if form.errors else 200)
