"""Reads of projects and agents, each within what the caller may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from apps.access.domain.identity import Caller
from apps.access.models import Agent, Project


def projects_of(caller: Caller) -> QuerySet[Project]:
    """Projects in the order of their names; those that were merged into another are part of that one."""
    projects = Project.objects.standing().order_by("name", "id")
    return projects if caller.project_ids is None else projects.filter(id__in=caller.project_ids)


def projects_with_agents(caller: Caller) -> QuerySet[Project]:
    """The same, with their agents, and the names both had before."""
    agents = Prefetch("agents", agents_of(caller).prefetch_related("former_names", "merges"))
    return projects_of(caller).prefetch_related(agents, "former_names", "merged__former_names", "merges")


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
    """The ids of the projects that have one of these names, or had it before they were renamed or merged.

    With all rows of each: a project that others were merged into is one, by whichever of its names.
    """
    return _ids(_NAMED_PROJECTS, {"names": list(names)})


def with_merged(project_ids: Iterable[int]) -> frozenset[int]:
    """The ids of projects with those of all rows that read as one of them."""
    return frozenset(_ids(_WITH_MERGED, {"projects": list(project_ids)}))


def _ids(sql: str, parameters: dict[str, Any]) -> set[int]:
    return {row[0] for row in _read(sql, parameters)}


def _read(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def the_one_project_of(project_ids: Collection[int] | None) -> int | None:
    """The id of the project that all these are rows of; None for several, for none, and for every project."""
    if not project_ids:
        return None
    found = _ids(_STANDING, {"projects": list(project_ids)})
    return next(iter(found)) if len(found) == 1 else None


_STANDING = "SELECT coalesce(merged_into_id, id) FROM access_project WHERE id = ANY(%(projects)s)"
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
    SELECT p.id FROM access_project p JOIN (
        SELECT coalesce(merged_into_id, id) AS id FROM access_project WHERE name = ANY(%(names)s)
        UNION SELECT coalesce(g.merged_into_id, g.id) FROM access_formerprojectname f
        JOIN access_project g ON g.id = f.project_id WHERE f.name = ANY(%(names)s)
    ) named ON p.id = named.id OR p.merged_into_id = named.id
"""
_WITH_MERGED = """
    SELECT p.id FROM access_project p JOIN (
        SELECT DISTINCT coalesce(merged_into_id, id) AS id FROM access_project WHERE id = ANY(%(projects)s)
    ) known ON p.id = known.id OR p.merged_into_id = known.id
"""
_SENT_TO = """
    SELECT id, merged_into_id FROM access_project WHERE name = %(name)s AND merged_into_id IS NULL
    UNION ALL SELECT g.id, g.merged_into_id FROM access_formerprojectname f
    JOIN access_project g ON g.id = f.project_id WHERE f.name = %(name)s LIMIT 1
"""
_ROWS = f"""
    WITH sent AS (SELECT id, coalesce(merged_into_id, id) AS whole FROM ({_SENT_TO}) found)
    SELECT p.id FROM sent JOIN access_project p ON p.id = sent.whole OR p.merged_into_id = sent.whole
    ORDER BY p.id <> sent.id, p.id <> sent.whole, p.id
"""


def project_id_of(name: str) -> int | None:
    """The id that what is sent under this name is written to; None if there is no such project.

    A name from before a merge leads to the row of its own, in which ids are unique, not to that of the other project.
    """
    found = _sent_to(name)
    return found[0] if found else None


def standing_project_id_of(name: str) -> int | None:
    """The id of the project that people know, by its name or one it, or what was merged into it, had before."""
    found = _sent_to(name)
    return (found[1] or found[0]) if found else None


def project_rows_of(caller: Caller, name: str) -> list[int]:
    """The ids in which something of a project may stand, that of this very name first; none the caller does not see."""
    rows = _read(_ROWS, {"name": name})
    return [row[0] for row in rows if caller.sees_project(row[0])]


@dataclass(frozen=True, slots=True)
class SentNames:
    """What a row of projects is called, and the name that what is written to it is sent under."""

    project: str
    sent_project: str


def sent_names_of(project_ids: Collection[int]) -> dict[int, SentNames]:
    """The names of rows by their ids; those that are gone are left out."""
    rows = Project.objects.filter(id__in=project_ids).values_list("id", "name", "sent_as")
    return {number: SentNames(name, sent or name) for number, name, sent in rows}


def _sent_to(name: str) -> tuple[Any, ...] | None:
    return next(iter(_read(_SENT_TO, {"name": name})), None)
