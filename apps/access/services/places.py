"""Projects and agents come into being at first sight, within a cap; names already seen are remembered in memory."""

import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.db import connection, transaction

from apps.access.domain.errors import Refused, TooMany
from apps.access.models import Agent

Name = TypeVar("Name", bound=Hashable)
DEFAULT_PROJECT = "default"  # where usage belongs that names no project
DEFAULT_AGENT = "default"
_MOST_REMEMBERED = 20_000
_TRUSTED_SECONDS = 1.0
_CREATION_LOCK = 0x62737201  # one creator at a time, so that the cap is exact


@dataclass(frozen=True, slots=True)
class _Cap:
    """How many there may be, and the setting that says so."""

    what: str
    limit: int
    setting: str


class _Memory:
    """What this process knows of names, valid for one version of the tables.

    Only existing names are kept, and a rename keeps the old name working, so a name leads elsewhere only after a
    deletion or a merge. A trigger raises the version then, and when an agent or project goes by another name. Every
    authenticated API request brings the version along; other callers ask for it once a second.
    """

    def __init__(self) -> None:
        self.version = -1
        self.seen_at = 0.0
        self.projects: dict[str, int] = {}
        self.agents: dict[tuple[int, str], int] = {}
        self.synonyms: dict[tuple[str, str], frozenset[str]] | None = None
        self.project_synonyms: dict[str, frozenset[str]] | None = None
        self.rows: dict[int, tuple[int, ...]] | None = None

    def see(self, version: int) -> None:
        if version != self.version:
            self.projects, self.agents = {}, {}
            self.synonyms = self.project_synonyms = self.rows = None
            self.version = version
        self.seen_at = time.monotonic()

    def confirm(self) -> None:
        if time.monotonic() - self.seen_at > _TRUSTED_SECONDS:
            self.see(_stored_version())


_memory = _Memory()


def see_version(version: int) -> None:
    """Tells the memory which version of projects and agents the database has now."""
    _memory.see(version)


def version() -> int:
    """The version of projects and agents this process goes by; ids remembered under another one may be gone."""
    _memory.confirm()
    return _memory.version


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """The ids of a project and an agent, 0 for no agent, and the version of the tables that they hold for."""

    project_id: int
    agent_id: int
    version: int


def known_place(project: str, agent: str) -> KnownPlace | None:
    """Where a call belongs, if this process remembers that; nothing is asked, and nothing comes into being."""
    version = _memory.version
    project_id = _memory.projects.get(project)
    agent_id = _memory.agents.get((project_id, agent)) if agent and project_id is not None else 0
    return None if project_id is None or agent_id is None else KnownPlace(project_id, agent_id, version)


def names_of_agent(project: str, agent: str) -> frozenset[str]:
    """Every name that leads to the same agent, if that is known of it: its own, former ones, those merged into it.

    By the version of projects and agents that this process saw last, as with every authenticated request.
    """
    known, version = _memory.synonyms, _memory.version
    if known is None:
        known = _read_synonyms()
        if _memory.version == version:
            _memory.synonyms = known
    return known.get((project, agent)) or frozenset((agent,))


def names_of_project(project: str) -> frozenset[str]:
    """Every name that leads to the same project: its own, former ones, those merged into it; as `names_of_agent`."""
    known, version = _memory.project_synonyms, _memory.version
    if known is None:
        known = _read_project_synonyms()
        if _memory.version == version:
            _memory.project_synonyms = known
    return known.get(project) or frozenset((project,))


def other_rows(project_id: int) -> tuple[int, ...]:
    """The other rows of the same project, where projects were merged: what is sent to one of them may be about those.

    First the one the others were merged into.
    """
    _memory.confirm()
    known, version = _memory.rows, _memory.version
    if known is None:
        known = _read_rows()
        if _memory.version == version:
            _memory.rows = known
    return known.get(project_id, ())


def hold_creation() -> None:
    """Let no project or agent come into being until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATION_LOCK])


def look_again() -> None:
    """Asks for the version at the next use, whenever it was seen last: after this process itself deleted a project."""
    _memory.seen_at = 0.0


def forget() -> None:
    """Empties the memory: for tests."""
    _memory.__init__()  # type: ignore[misc]


def ensure_projects(names: Collection[str], *, remember: bool = True) -> dict[str, int]:
    """The ids of the projects of these names, made where missing.

    Call it outside of a transaction: a new project is committed by itself, so it stays if the caller fails. Inside of
    one say remember=False, or this process trusts in ids that a rollback took away. Raises TooMany once MAX_PROJECTS
    is reached; its `found` holds the ids of all names that have one.
    """
    _memory.confirm()
    cap = _Cap("projects", settings.MAX_PROJECTS, "BURSAR_MAX_PROJECTS")
    return _ensure(names, _memory.projects if remember else {}, _find_projects, _create_projects, cap)


def ensure_agents(pairs: Collection[tuple[int, str]], *, remember: bool = True) -> dict[tuple[int, str], int]:
    """The ids of the agents of these (project id, name) pairs, made where missing; as `ensure_projects`.

    Raises Refused besides, if a project has just been deleted.
    """
    _memory.confirm()
    cap = _Cap("agents", settings.MAX_AGENTS, "BURSAR_MAX_AGENTS")
    try:
        return _ensure(pairs, _memory.agents if remember else {}, _find_agents, _create_agents, cap)
    except TooMany as reached:
        if Agent.objects.standing().count() >= cap.limit:
            raise
        raise Refused("The project has just been deleted.", code="project_gone", path="project") from reached


def _ensure(
    names: Collection[Name],
    memory: dict[Name, int],
    find: Callable[[Collection[Name]], dict[Name, int]],
    create: Callable[[Collection[Name], int], None],
    cap: _Cap,
) -> dict[Name, int]:
    wanted = set(names)
    found = {name: memory[name] for name in wanted if name in memory}
    if missing := wanted - found.keys():
        found |= find(missing)
    if missing := wanted - found.keys():
        create(sorted(missing), cap.limit)  # type: ignore[type-var]
        found |= find(missing)
    if len(memory) + len(found) > _MOST_REMEMBERED:
        memory.clear()
    memory.update(found)
    if refused := wanted - found.keys():
        raise TooMany(what=cap.what, limit=cap.limit, setting=cap.setting, found=found, refused=sorted(refused))
    return found


def _find_projects(names: Collection[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, project_id FROM access_formerprojectname WHERE name = ANY(%(names)s)"
            " UNION ALL SELECT name, id FROM access_project WHERE name = ANY(%(names)s) AND merged_into_id IS NULL",
            {"names": list(names)},
        )
        return dict(cursor.fetchall())


def _find_agents(pairs: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """By project id as it is written to: agents of a project that was merged are those of the other."""
    projects, names = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH wanted AS (SELECT w.own_id, w.name, coalesce(p.merged_into_id, w.own_id) AS project_id"
            " FROM unnest(%s::bigint[], %s::text[]) AS w(own_id, name) LEFT JOIN access_project p ON p.id = w.own_id)"
            " SELECT w.own_id, f.name, f.agent_id"
            " FROM wanted w JOIN access_formeragentname f USING (project_id, name)"
            " UNION ALL SELECT w.own_id, a.name, a.id FROM wanted w JOIN access_agent a USING (project_id, name)"
            " WHERE a.merged_into_id IS NULL",
            [projects, names],
        )
        return {(project_id, name): agent_id for project_id, name, agent_id in cursor.fetchall()}


@transaction.atomic
def _create_projects(names: Collection[str], limit: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
        cursor.execute(
            "INSERT INTO access_project (name, is_demo, created_at)"
            " SELECT name, false, now() FROM unnest(%s::text[]) WITH ORDINALITY AS w(name, place)"
            " WHERE NOT EXISTS (SELECT FROM access_project p WHERE p.name = w.name)"
            " ORDER BY place LIMIT greatest(0, %s - (SELECT count(*) FROM access_project p"
            " WHERE p.merged_into_id IS NULL))",
            [list(names), limit],
        )


@transaction.atomic
def _create_agents(pairs: Collection[tuple[int, str]], limit: int) -> None:
    projects, names = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
        cursor.execute(
            "INSERT INTO access_agent (project_id, name, created_at)"
            " SELECT w.project_id, w.name, now() FROM ("
            " SELECT coalesce(p.merged_into_id, p.id) AS project_id, s.name, min(place) AS place"
            " FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS s(own_id, name, place)"
            " JOIN access_project p ON p.id = s.own_id GROUP BY 1, 2) w"
            " WHERE NOT EXISTS (SELECT FROM access_agent a WHERE a.project_id = w.project_id AND a.name = w.name)"
            " ORDER BY place LIMIT greatest(0, %s - (SELECT count(*) FROM access_agent WHERE merged_into_id IS NULL))",
            [projects, names, limit],
        )


_PROJECT_NAMES = (
    "SELECT id, name FROM access_project WHERE merged_into_id IS NULL"
    " UNION ALL SELECT coalesce(g.merged_into_id, g.id), n.name FROM access_formerprojectname n"
    " JOIN access_project g ON g.id = n.project_id"
)
"""Each name that leads to a project, whichever of its rows, with the id of the one that stands."""


def _read_project_synonyms() -> dict[str, frozenset[str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT array_agg(p.name) FROM ({_PROJECT_NAMES}) p GROUP BY p.id HAVING count(*) > 1")
        return {name: frozenset(names) for (names,) in cursor.fetchall() for name in names}


def _read_rows() -> dict[int, tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT merged_into_id, array_agg(id ORDER BY id) FROM access_project"
            " WHERE merged_into_id IS NOT NULL GROUP BY 1"
        )
        wholes = [(into, *merged) for into, merged in cursor.fetchall()]
    return {row: tuple(other for other in rows if other != row) for rows in wholes for row in rows}


def _read_synonyms() -> dict[tuple[str, str], frozenset[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.name, array_agg(f.name) || a.name::text"
            " FROM access_formeragentname f JOIN access_agent a ON a.id = f.agent_id"
            f" JOIN ({_PROJECT_NAMES}) p ON p.id = f.project_id"
            " GROUP BY p.name, a.id, a.name"
        )
        return {(project, name): frozenset(names) for project, names in cursor.fetchall() for name in names}


def _stored_version() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM access_placesversion")
        row = cursor.fetchone()
    return row[0] if row else 0
