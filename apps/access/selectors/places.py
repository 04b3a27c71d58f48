"""Reads of projects and agents, each within what the caller may see."""

from collections.abc import Collection
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from apps.access.domain.identity import Caller
from apps.access.models import Agent, Project


def projects_of(caller: Caller) -> QuerySet[Project]:
    """Projects in the order of their names."""
    projects = Project.objects.order_by("name", "id")
    return projects if caller.project_ids is None else projects.filter(id__in=caller.project_ids)


def projects_with_agents(caller: Caller) -> QuerySet[Project]:
    """The same, with their agents, and the names both had before."""
    agents = Prefetch("agents", agents_of(caller).prefetch_related("former_names", "merges"))
    return projects_of(caller).prefetch_related(agents, "former_names")


def agents_of(caller: Caller) -> QuerySet[Agent]:
    """Agents with their project, in the order of names; a bound agent sees itself and its subordinates."""
    agents = Agent.objects.standing().select_related("project").order_by("project__name", "name", "id")
    if caller.project_ids is not None:
        agents = agents.filter(project__in=caller.project_ids)
    if caller.agent_names:
        own = [Q(name=name) | Q(name__startswith=f"{name}/") for name in caller.agent_names]
        agents = agents.filter(reduce(or_, own))
    return agents


def own_agent_ids(caller: Caller) -> list[int]:
    """The ids of the agents a caller sees, with those that were merged into them."""
    standing = list(agents_of(caller).order_by().values_list("id", flat=True))
    merged = Agent.objects.filter(merged_into__in=standing).values_list("id", flat=True)
    return sorted({*standing, *merged})


def agent_ids_named(names: Collection[str], project_ids: Collection[int]) -> set[int]:
    """The ids of the agents of these names in some projects, with those that were merged into them.

    A name that no agent has there means those that had it before, so that old links go on. One that an agent has means
    that one alone: what is told of a name and what a filter by it finds are the same.
    """
    return _ids(_NAMED_AGENTS, {"names": list(names), "projects": list(project_ids)})


def project_ids_named(names: Collection[str]) -> set[int]:
    """The ids of the projects that have one of these names, or had it before they were renamed."""
    return _ids(_NAMED_PROJECTS, {"names": list(names)})


def _ids(sql: str, parameters: dict[str, Any]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {row[0] for row in cursor.fetchall()}


_NAMED_AGENTS = """
    WITH named AS (
        SELECT id, name FROM access_agent WHERE name = ANY(%(names)s) AND project_id = ANY(%(projects)s)
    )
    SELECT id FROM named
    UNION SELECT a.id FROM access_formeragentname f
    JOIN access_agent a ON a.id = f.agent_id OR a.merged_into_id = f.agent_id
    WHERE f.name = ANY(%(names)s) AND f.project_id = ANY(%(projects)s)
        AND NOT EXISTS (SELECT FROM named n WHERE n.name = f.name)
"""
_NAMED_PROJECTS = """
    SELECT id FROM access_project WHERE name = ANY(%(names)s)
    UNION SELECT project_id FROM access_formerprojectname WHERE name = ANY(%(names)s)
"""


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
