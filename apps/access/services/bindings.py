"""Turns the names a person or program gives into the project and agent a key is bound to."""

from collections.abc import Collection

from django.db import transaction

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller
from apps.access.models import Agent, FormerAgentName, FormerProjectName, Project
from apps.access.selectors.places import projects_of
from apps.access.services import audit
from apps.access.services.places import ensure_agents, ensure_projects


def bind(caller: Caller, *, project: str | None, agent: str | None) -> tuple[int | None, int | None]:
    """The ids of a project and of one of its agents, made where missing by callers who see every project.

    Raises Refused for an agent without a project and for a project a limited caller does not see.
    """
    if project is None:
        if agent is not None:
            raise Refused("An agent needs its project.", code="required", path="project")
        return None, None
    project_id = _project(caller, project)
    return project_id, None if agent is None else ensure_agents([(project_id, agent)])[project_id, agent]


def project_ids(caller: Caller, names: Collection[str]) -> frozenset[int]:
    """The ids of existing projects. Raises Refused, naming those that do not exist."""
    found = dict(projects_of(caller).filter(name__in=names).values_list("name", "id"))
    if unknown := sorted(set(names) - found.keys()):
        raise Refused(f"No such project: {', '.join(unknown)}.", code="unknown_project", path="projects")
    return frozenset(found.values())


def _project(caller: Caller, name: str) -> int:
    if caller.project_ids is None:
        return ensure_projects([name])[name]
    return next(iter(project_ids(caller, [name])))


@transaction.atomic
def create_project(*, caller: Caller, name: str) -> Project:
    """Makes a project ahead of its first usage. Raises Conflict if it is there, NotAllowed for a limited caller."""
    _refuse_limited(caller)
    if Project.objects.filter(name=name).exists() or FormerProjectName.objects.filter(name=name).exists():
        raise Conflict(f"A project is or was called {name!r}.", code="name_in_use", path="name")
    project = Project.objects.get(id=ensure_projects([name], remember=False)[name])
    audit.record(caller=caller, action="project.created", obj=project, after={"name": name}, project_id=project.pk)
    return project


@transaction.atomic
def create_agent(*, caller: Caller, project: str, name: str) -> Agent:
    """Makes an agent ahead of its first usage, in a project that is there. Raises Refused or Conflict."""
    project_id = next(iter(project_ids(caller, [project])))
    known = Agent.objects.filter(project=project_id, name=name)
    if known.exists() or FormerAgentName.objects.filter(project=project_id, name=name).exists():
        raise Conflict(f"An agent of the project is or was called {name!r}.", code="name_in_use", path="name")
    pair = (project_id, name)
    agent = Agent.objects.select_related("project").get(id=ensure_agents([pair], remember=False)[pair])
    after = {"project": project, "name": name}
    audit.record(caller=caller, action="agent.created", obj=agent, after=after, project_id=project_id)
    return agent


def _refuse_limited(caller: Caller) -> None:
    if caller.project_ids is not None:
        raise NotAllowed("You are limited to projects and make no new ones.", code="limited_to_projects")
