"""People: list, invite, change, remove. Owners only."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role
from apps.access.forms import ConfirmForm, InviteForm, PersonForm
from apps.access.models import Invitation, User
from apps.access.pages import PageRequest, page, see_other
from apps.access.selectors.people import keys_that_would, open_invitations, people
from apps.access.services import people as services
from apps.access.views.once import new_mark, remember, was_made

PAGE_SIZE = 50


@page(role=Role.OWNER)
@require_safe
def person_list(request: PageRequest) -> HttpResponse:
    """Everybody, and whoever is invited."""
    found = Paginator(people(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "access/people.html", {"page": found, "invitations": open_invitations()})


@page(role=Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: PageRequest) -> HttpResponse:
    """Makes a link and shows it, once."""
    form = InviteForm(request.POST if request.method == "POST" else None, initial={"made": new_mark()})
    if request.method == "POST" and form.is_valid():
        if was_made(request.session, form.cleaned_data["made"]):
            messages.info(request, "That invitation was made already; its link cannot be shown again.")
            return see_other("access:people")
        try:
            new = services.invite(caller=request.caller, email=form.cleaned_data["email"], standing=_standing(form))
        except Refused as refusal:
            form.refuse(refusal)
        else:
            remember(request.session, form.cleaned_data["made"])
            link = request.build_absolute_uri(reverse("access:accept_invitation", args=[new.token]))
            return render(request, "access/invitation_made.html", {"new": new, "link": link}, status=201)
    return render(request, "access/invite.html", {"form": form}, status=422 if form.errors else 200)


@page(role=Role.OWNER)
@require_POST
def revoke_invitation(request: PageRequest, invitation_id: int) -> HttpResponse:
    """Ends an open invitation."""
    try:
        invitation = services.revoke_invitation(caller=request.caller, invitation_id=invitation_id)
    except Invitation.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, f"The invitation of {invitation.email} is withdrawn; its link no longer works.")
    return see_other("access:people")


@page(role=Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
def change_person(request: PageRequest, user_id: int) -> HttpResponse:
    """Changes role, limit and access."""
    person = get_object_or_404(people(), id=user_id)
    form = PersonForm(request.POST if request.method == "POST" else None, initial=PersonForm.initial_of(person))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_person(
                caller=request.caller,
                user_id=user_id,
                standing=_standing(form),
                is_active=form.cleaned_data["is_active"],
            )
        except Refused as refusal:
            form.refuse(refusal)
        except User.DoesNotExist as error:
            raise Http404 from error
        else:
            messages.success(request, f"{person.email} is changed. It holds from their next click.")
            return see_other("access:people")
    context = {"form": form, "subject": person, "keys": keys_that_would(person)}
    return render(request, "access/person.html", context, status=422 if form.errors else 200)


@page(role=Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
def remove_person(request: PageRequest, user_id: int) -> HttpResponse:
    """Says which keys would end and which live on, and removes the person once their email is typed."""
    person = get_object_or_404(people(), id=user_id)
    form = ConfirmForm(person.email, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.remove_person(caller=request.caller, user_id=user_id)
        except Refused as refusal:
            form.refuse(refusal)
        except User.DoesNotExist as error:
            raise Http404 from error
        else:
            messages.success(request, f"{person.email} is removed.")
            return see_other("access:people")
    context = {"form": form, "subject": person, "keys": keys_that_would(person)}
    return render(request, "access/remove_person.html", context, status=422 if form.errors else 200)


def _standing(form: InviteForm | PersonForm) -> services.Standing:
    return services.Standing(Role(form.cleaned_data["role"]), form.project_ids())
