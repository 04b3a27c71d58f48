"""The page that merges a project into another: choose, look at what it would do, merge."""

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Role
from apps.access.models import Project
from apps.access.pages import PageRequest, page, see_other
from apps.access.selectors.places import projects_of
from apps.access.services.project_merges import SIGHTS
from controlplane.merging.forms import IntoProjectForm
from controlplane.merging.project_preview import ProjectPreview, project_preview
from controlplane.merging.services import merge_projects_as_previewed


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def merge_project(request: PageRequest, project_id: int) -> HttpResponse:
    """Asks which project it goes into, shows what that does, and does it."""
    project = get_object_or_404(projects_of(request.caller), id=project_id)
    others = projects_of(request.caller).filter(is_demo=False).exclude(id=project_id)
    sent = request.POST if request.method == "POST" else request.GET
    form = IntoProjectForm(project.name, () if project.is_demo else others, sent if "into" in sent else None)
    if not form.is_valid():
        return _choose(request, project, form)
    into_id: int = form.cleaned_data["into"]
    complaint, status = "", HTTPStatus.OK
    try:
        if request.method == "POST":
            return _merge(request, project, into_id)
    except (Conflict, NotAllowed) as refusal:
        complaint = refusal.message
        status = HTTPStatus.CONFLICT if isinstance(refusal, Conflict) else HTTPStatus.FORBIDDEN
    except Project.DoesNotExist as error:
        raise Http404 from error
    except Refused as refusal:
        if refusal.path != "sight":
            form.refuse(refusal)
            return _choose(request, project, form)
        complaint, status = refusal.message, HTTPStatus.UNPROCESSABLE_ENTITY
    seen = project_preview(caller=request.caller, project_id=project_id, into_id=into_id)
    return _show(request, seen, complaint, status)


def _merge(request: PageRequest, project: Project, into_id: int) -> HttpResponse:
    sight = next((one for one in SIGHTS if one == request.POST.get("sight")), None)
    merge = merge_projects_as_previewed(
        caller=request.caller, project_id=project.pk, into_id=into_id, sight=sight,
        fingerprint=request.POST.get("fingerprint", ""),
    )  # fmt: skip
    words = f"{merge.name} is {merge.into.name} now, with all its usage. Agents that send the old name go on."
    messages.success(request, words)
    return see_other("access:projects")


def _choose(request: PageRequest, project: Project, form: IntoProjectForm) -> HttpResponse:
    is_wrong = bool(form.errors)
    context = {"project": project, "form": form, "has_others": bool(form.fields["into"].choices)}  # type: ignore[attr-defined]
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK
    return render(request, "merging/choose_project.html", context, status=status)


def _show(request: PageRequest, seen: ProjectPreview, complaint: str, status: HTTPStatus) -> HttpResponse:
    context = {"seen": seen, "sides": (seen.project, seen.into), "complaint": complaint}
    return render(request, "merging/preview_project.html", context, status=status)
