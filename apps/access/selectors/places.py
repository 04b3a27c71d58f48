"""Reads of projects and agents, each within what the caller may see."""

from django.db import connection
from django.db.models import Prefetch, QuerySet

from apps.access.domain.identity import Caller
from apps.access.models import Agent, Project


def projects_of(caller: Caller) -> QuerySet[Project]:
    """Projects in the order of their names."""
    projects = Project.objects.order_by("name", "id")
    return projects if caller.project_ids is None else projects.filter(id__in=caller.project_ids)


def projects_with_agents(caller: Caller) -> QuerySet[Project]:
    """The same, with their agents, and the names both had before."""
    agents = Prefetch("agents", agents_of(caller).prefetch_related("former_names"))
    return projects_of(caller).prefetch_related(agents, "former_names")


def agents_of(caller: Caller) -> QuerySet[Agent]:
    """Agents with their project, in the order of names; a bound agent sees itself and its subordinates."""
    agents = Agent.objects.select_related("project").order_by("project__name", "name", "id")
    if caller.project_ids is not None:
        agents = agents.filter(project__in=caller.project_ids)
    if caller.agent_name is not None:
        agents = agents.filter(name=caller.agent_name) | agents.filter(name__startswith=f"{caller.agent_name}/")
    return agents


def project_id_of(name: str) -> int | None:
    """The id of the project with this name, or with this name before it was renamed; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM access_project WHERE name = %(name)s"
            " UNION ALL SELECT project_id FROM access_formerprojectname WHERE name = %(name)s LIMIT 1",
            {"name": name},
        )
        row = cursor.fetchone()
    return row[0] if row else None
