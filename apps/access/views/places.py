"""Projects and their agents: list and rename. Agents that still send an old name go on."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.access.domain.errors import Refused
from apps.access.domain.identity import Caller, Role
from apps.access.domain.likeness import plain
from apps.access.forms import RenameForm
from apps.access.models import Agent, Project
from apps.access.pages import PageRequest, page, see_other
from apps.access.selectors.places import agents_of, projects_of, projects_with_agents
from apps.access.services.renames import rename_agent, rename_project

N = TypeVar("N", Project, Agent)
PAGE_SIZE = 50
MOST_TWINS = 5


@page(role=Role.ADMIN)
@require_safe
def project_list(request: PageRequest) -> HttpResponse:
    """Every project one may see, with its agents and the names both had before."""
    found = Paginator(projects_with_agents(request.caller), PAGE_SIZE).get_page(request.GET.get("page"))
    for project in found:
        project.twins = _twins(project)  # type: ignore[attr-defined]
    twins = _alike(projects_of(request.caller).filter(is_demo=False))
    return render(request, "access/projects.html", {"page": found, "twins": twins})


def _twins(project: Project) -> list[tuple[Agent, Agent]]:
    return _alike(project.agents.all())


def _alike(named: Iterable[N]) -> list[tuple[N, N]]:
    """Those whose names are the same but for marks and case: each with the first of its kind, which it may be."""
    first: dict[str, N] = {}
    found = []
    for one in sorted(named, key=lambda each: each.created_at):
        known = first.setdefault(plain(one.name) or one.name, one)
        if known is not one:
            found.append((one, known))
    return found[:MOST_TWINS]


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def change_project(request: PageRequest, project_id: int) -> HttpResponse:
    """Renames a project."""
    project = get_object_or_404(projects_with_agents(request.caller), id=project_id)
    return _rename(
        request,
        project,
        "project",
        lambda caller, name: rename_project(caller=caller, project_id=project_id, name=name),
    )


@page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def change_agent(request: PageRequest, agent_id: int) -> HttpResponse:
    """Renames an agent within its project."""
    agent = get_object_or_404(agents_of(request.caller).prefetch_related("former_names"), id=agent_id)
    return _rename(
        request, agent, "agent", lambda caller, name: rename_agent(caller=caller, agent_id=agent_id, name=name)
    )


def _rename(
    request: PageRequest, subject: Project | Agent, kind: str, rename: Callable[[Caller, str], Model]
) -> HttpResponse:
    old = subject.name
    form = RenameForm(request.POST if request.method == "POST" else None, initial={"name": old})
    if request.method == "POST" and form.is_valid():
        try:
            renamed = rename(request.caller, form.cleaned_data["name"])
        except Refused as refusal:
            form.refuse(refusal)
        except (Project.DoesNotExist, Agent.DoesNotExist) as error:
            raise Http404 from error
        else:
            messages.success(request, f"{old} is now called {renamed}. Agents that send the old name go on.")
            return see_other("access:projects")
    context = {"form": form, "subject": subject, "kind": kind}
    return render(request, "access/rename.html", context, status=422 if form.errors else 200)
