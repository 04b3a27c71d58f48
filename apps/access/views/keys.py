"""Keys: list, make, rotate, revoke."""

from datetime import timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Role, Scope
from apps.access.forms import ConfirmForm, KeyForm, RotateForm
from apps.access.models import ApiKey
from apps.access.pages import PageRequest, page, see_other
from apps.access.selectors.keys import keys_of, listed
from apps.access.selectors.places import projects_of
from apps.access.services import keys
from apps.access.services.bindings import bind
from apps.access.views.once import new_mark, remember, was_made

PAGE_SIZE = 50
SHOWN_BEFORE = "That key was made already; its text was shown then and cannot be shown again."


@page(role=Role.ADMIN)
@require_safe
def key_list(request: PageRequest) -> HttpResponse:
    """Keys that work, or with `show=all` every one."""
    show_all = request.GET.get("show") == "all"
    rows = keys_of(request.caller) if show_all else keys_of(request.caller).live()
    found = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": found, "rows": [listed(key) for key in found], "show_all": show_all}
    return render(request, "access/keys.html", context)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def create_key(request: PageRequest) -> HttpResponse:
    """Makes a key and shows its text, once."""
    if request.method != "POST":
        return _key_form(request, KeyForm(request.caller, initial={"made": new_mark()}))
    form = KeyForm(request.caller, request.POST)
    if not form.is_valid():
        return _key_form(request, form)
    if was_made(request.session, form.cleaned_data["made"]):
        messages.info(request, SHOWN_BEFORE)
        return see_other("access:keys")
    try:
        new = _made(request, form)
    except Refused as refusal:
        form.refuse(refusal)
        return _key_form(request, form)
    remember(request.session, form.cleaned_data["made"])
    return render(request, "access/key_made.html", {"new": new}, status=201)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def rotate_key(request: PageRequest, key_id: int) -> HttpResponse:
    """Makes a successor and shows its text, once."""
    key = get_object_or_404(keys_of(request.caller), id=key_id)
    form = RotateForm(request.POST if request.method == "POST" else None, initial={"made": new_mark()})
    if request.method == "POST" and form.is_valid():
        if was_made(request.session, form.cleaned_data["made"]):
            messages.info(request, SHOWN_BEFORE)
            return see_other("access:keys")
        try:
            grace = timedelta(seconds=int(form.cleaned_data["grace"]))
            new = keys.rotate_key(caller=request.caller, key_id=key_id, grace=grace)
        except Refused as refusal:
            form.refuse(refusal)
        except ApiKey.DoesNotExist as error:
            raise Http404 from error
        else:
            remember(request.session, form.cleaned_data["made"])
            old = get_object_or_404(keys_of(request.caller), id=key_id)
            return render(request, "access/key_made.html", {"new": new, "old": old}, status=201)
    context = {"form": form, "row": listed(key)}
    return render(request, "access/rotate_key.html", context, status=422 if form.errors else 200)


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_key(request: PageRequest, key_id: int) -> HttpResponse:
    """Says what would end, and ends it once the name of the key is typed."""
    key = get_object_or_404(keys_of(request.caller), id=key_id)
    form = ConfirmForm(key.name, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            keys.revoke_key(caller=request.caller, key_id=key_id)
        except Refused as refusal:
            form.refuse(refusal)
        except ApiKey.DoesNotExist as error:
            raise Http404 from error
        else:
            messages.success(request, f"The key {key.name} is revoked. Whoever uses it is refused from now on.")
            return see_other("access:keys")
    context = {"form": form, "row": listed(key)}
    return render(request, "access/revoke_key.html", context, status=422 if form.errors else 200)


def _made(request: PageRequest, form: KeyForm) -> keys.NewKey:
    typed = form.cleaned_data
    project_id, agent_id = bind(request.caller, project=typed["project"] or None, agent=typed["agent"] or None)
    return keys.create_key(
        caller=request.caller,
        name=typed["name"],
        scopes=[Scope(scope) for scope in typed["scopes"]],
        project_id=project_id,
        agent_id=agent_id,
        expires_at=form.expires_at(),
    )


def _key_form(request: PageRequest, form: KeyForm) -> HttpResponse:
    context = {"form": form, "projects": projects_of(request.caller).values_list("name", flat=True)[:1000]}
    return render(request, "access/create_key.html", context, status=422 if form.errors else 200)
