"""Filters by name become conditions on ids: a name nobody has used matches nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.access.selectors.places import agent_ids_named, project_ids_named
from apps.costs.domain.kinds import LabelKind, Status
from apps.costs.domain.providers import canonical_provider
from apps.costs.domain.slices import EVERY
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.metrics.snapshot import once

LABELLED = {"tier": LabelKind.TIER, "role": LabelKind.ROLE, "task_type": LabelKind.TASK_TYPE}
COLUMNS = {
    "project": "project_id",
    "agent": "agent_id",
    "provider": "model_id",
    "model": "model_id",
    "tier": "tier_id",
    "role": "role_id",
    "task_type": "task_type_id",
    "status": "status",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The cell columns a query is limited by, each with the ids it may have."""

    ids: Mapping[str, tuple[int, ...]]
    projects: tuple[int, ...]
    every: tuple[int, ...] | None = None
    """The same projects with EVERY for all that are no demo; None where one of those is left out."""

    @property
    def columns(self) -> frozenset[str]:
        """The cell columns named."""
        return frozenset(self.ids)

    def where(self, alias: str) -> tuple[str, dict[str, Any]]:
        """SQL over a table with cell columns, and its parameters."""
        parts = [f"{alias}.project_id = ANY(%(projects)s)"]
        parts += [f"{alias}.{column} = ANY(%(only_{column})s)" for column in self.ids]
        return " AND ".join(parts), {
            "projects": list(self.projects),
            **{f"only_{c}": list(v) for c, v in self.ids.items()},
        }


def conditions(query: UsageQuery, *, without: Collection[str] = ()) -> Conditions:
    """The conditions of a query's cube filters, less some. Raises BadQuery for a dimension the cube does not have."""
    ids: dict[str, set[int]] = {}
    projects = _visible_projects(query)
    if "project" in query.filters and "project" not in without:
        projects &= project_ids_named(query.filters["project"])
    for name, values in query.filters.items():
        if name in without or name == "project":
            continue
        if name not in COLUMNS:
            raise BadQuery(name, f"{name} is not a dimension of the cube.")
        found, column = _ids(name, values, projects), COLUMNS[name]
        ids[column] = ids[column] & found if column in ids else found
    real = _projects(include_demo=False)
    every = (EVERY, *sorted(projects - real)) if real and real <= projects else None
    return Conditions({column: tuple(sorted(found)) for column, found in ids.items()}, tuple(sorted(projects)), every)


def _visible_projects(query: UsageQuery) -> set[int]:
    found = _projects(include_demo=query.include_demo)
    return set(found if query.project_ids is None else found & query.project_ids)


def _projects(*, include_demo: bool) -> frozenset[int]:
    sql = "SELECT id FROM access_project WHERE NOT is_demo OR %s"
    return once(("projects", include_demo), lambda: frozenset(_rows(sql, [include_demo])))


def _ids(name: str, values: tuple[str, ...], projects: Collection[int]) -> set[int]:
    none = {0} if "" in values else set()
    if name == "status":
        known = {status.name.lower(): int(status) for status in Status}
        return {known.get(value, -1) for value in values}
    if name in LABELLED:
        return none | _rows(
            "SELECT id FROM costs_label WHERE kind = %s AND name = ANY(%s)", [int(LABELLED[name]), list(values)]
        )
    if name == "agent":
        return none | agent_ids_named(values, projects)
    if name == "provider":
        named = [canonical_provider(value) for value in values]
        return none | _rows("SELECT id FROM costs_usedmodel WHERE provider = ANY(%s)", [named])
    return none | _rows("SELECT id FROM costs_usedmodel WHERE name = ANY(%s)", [list(values)])


def _named(table: str, values: tuple[str, ...]) -> set[int]:
    return _rows(f"SELECT id FROM {table} WHERE name = ANY(%s)", [list(values)])


def _rows(sql: str, parameters: list[Any]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {row[0] for row in cursor.fetchall()}


def named_labels(kind: LabelKind, names: Sequence[str] | None, *, prefix: str = "") -> list[int]:
    """The ids of labels of a kind with one of these names, or, without names, beginning with the prefix."""
    if names is None:
        return sorted(
            _rows("SELECT id FROM costs_label WHERE kind = %s AND starts_with(name, %s)", [int(kind), prefix])
        )
    return sorted(_rows("SELECT id FROM costs_label WHERE kind = %s AND name = ANY(%s)", [int(kind), list(names)]))


def key_ids(texts: Sequence[str]) -> list[int]:
    """The ids of keys: a text that can be one, a 64-bit integer, is one; every other is the name of keys."""
    numbers = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) <= 18]
    names = [text for text in texts if text and not text.isdecimal()]
    return sorted({*numbers, *(_named("access_apikey", tuple(names)) if names else ())})


LABEL_FILTERS = {
    "user": ("user_id", LabelKind.USER),
    "tool": ("tool_id", LabelKind.TOOL),
    "error_type": ("error_type_id", LabelKind.ERROR_TYPE),
}


def record_filter(name: str, values: tuple[str, ...], parameter: str) -> tuple[str, dict[str, Any]]:
    """SQL over a record r for one filter outside of the cube; the value "" matches records without one.

    Its name may be anything a client sends, so `parameter` names what it binds. Raises BadQuery for an unknown one.
    """
    found: dict[str, Any] = {parameter: list(values)}
    if name in LABEL_FILTERS:
        column, kind = LABEL_FILTERS[name]
        ids = f"SELECT id FROM costs_label WHERE kind = {int(kind)} AND name = ANY(%({parameter})s)"
        sql, none = f"r.{column} IN ({ids})", f"r.{column} = 0"
    elif name == "conversation":
        sql, none = f"r.conversation_id = ANY(%({parameter})s)", "r.conversation_id IS NULL"
    elif name == "key":
        sql, none = f"r.key_id = ANY(%({parameter})s)", "r.key_id IS NULL"
        found[parameter] = key_ids(values)
    elif name.startswith("tag:"):
        tag = f"r.tags ->> %({parameter}_name)s"
        sql, none = f"{tag} = ANY(%({parameter})s)", f"{tag} IS NULL"
        found[f"{parameter}_name"] = name.removeprefix("tag:")
    else:
        raise BadQuery(name, f"{name} is not a filter.")
    return f"({sql} OR {none})" if "" in values else sql, found
