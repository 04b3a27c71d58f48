"""Interning: strings, models and cells of the cube become small integers, once each, remembered in the process.

A process that meets a name asks for it before it makes it: most names it does not know yet are known to others, and a
look costs no write. At its first look it reads ahead: the names of the same kind, and the cells of the same agent.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import psycopg
from django.db import connection

Labelled = tuple[int, str]
ModelName = tuple[str, str]
Dimensions = tuple[int, int, int, int, int, int, int]
K = TypeVar("K", Labelled, ModelName, Dimensions)


MAX_REMEMBERED = 200_000
MOST_READ_AHEAD = 20_000
"""Names or cells read ahead at once; those beyond it are asked for when they are met."""

_labels: dict[Labelled, int] = {}
_models: dict[ModelName, int] = {}
_cells: dict[Dimensions, int] = {}
_kinds_read: set[tuple[int]] = set()
_agents_read: set[tuple[int, int]] = set()
"""The kinds whose labels were read ahead, and the (project, agent) pairs whose cells were."""


def label_ids(wanted: Collection[Labelled]) -> dict[Labelled, int]:
    """The ids of (LabelKind, name) pairs, made at first sight."""
    return _interned(wanted, _labels, _find_labels, _make_labels)


def model_ids(wanted: Collection[ModelName]) -> dict[ModelName, int]:
    """The ids of (canonical provider, model name) pairs, made at first sight."""
    return _interned(wanted, _models, _find_models, _make_models)


def cell_ids(wanted: Collection[Dimensions]) -> dict[Dimensions, int]:
    """The ids of (project, agent, model, tier, role, task type, status) combinations, made at first sight."""
    return _interned(wanted, _cells, _find_cells, _make_cells)


def forget() -> None:
    """Drop what the process remembers, after rows were removed under it."""
    _labels.clear()
    _models.clear()
    _cells.clear()
    _kinds_read.clear()
    _agents_read.clear()


def _interned(
    wanted: Collection[K],
    known: dict[K, int],
    find: Callable[[Sequence[K]], list[Any]],
    make: Callable[[Sequence[K]], None],
) -> dict[K, int]:
    missing = sorted({key for key in wanted if key not in known})
    if len(known) + len(missing) > MAX_REMEMBERED:
        known.clear()
        missing = sorted(set(wanted))
    if missing:
        _remember(known, find(missing))
    if missing := [key for key in missing if key not in known]:
        make(missing)
        _remember(known, find(missing))
    return {key: known[key] for key in wanted}


def _remember(known: dict[K, int], found: list[Any]) -> None:
    known.update({tuple(key): number for number, *key in found})


def _ask(sql: str, parameters: Sequence[Any]) -> list[Any]:
    """Rows of a prepared statement: planning a look-up costs more than running it."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, parameters, prepare=True).fetchall()


def _find_labels(wanted: Sequence[Labelled]) -> list[Any]:
    found = _read_ahead("costs_label", "kind", "int", {key[:1] for key in wanted}, _kinds_read, read="kind, name")
    return found + _find("costs_label", "kind, name", "int, text", _lacking(wanted, found))


def _make_labels(wanted: Sequence[Labelled]) -> None:
    _make("costs_label", "kind, name", "int, text", wanted)


def _find_models(wanted: Sequence[ModelName]) -> list[Any]:
    return _find("costs_usedmodel", "provider, name", "text, text", wanted)


def _make_models(wanted: Sequence[ModelName]) -> None:
    _make("costs_usedmodel", "provider, name", "text, text", wanted, first_seen_at="now()")


_CELL = "project_id, agent_id, model_id, tier_id, role_id, task_type_id, status"
_CELL_TYPES = ", ".join(["int"] * 7)


def _find_cells(wanted: Sequence[Dimensions]) -> list[Any]:
    agents = {key[:2] for key in wanted}
    found = _read_ahead("costs_cell", "project_id, agent_id", "int, int", agents, _agents_read, read=_CELL)
    return found + _find("costs_cell", _CELL, _CELL_TYPES, _lacking(wanted, found))


def _make_cells(wanted: Sequence[Dimensions]) -> None:
    _make("costs_cell", _CELL, _CELL_TYPES, wanted)


def _read_ahead(
    table: str, columns: str, types: str, groups: set[Any], read_before: set[Any], *, read: str
) -> list[Any]:
    """The rows of those groups that this process has not read before, the newest ones if they are too many."""
    new = sorted(groups - read_before)
    read_before.update(new)
    return _find(table, columns, types, new, read=read, order=f"ORDER BY id DESC LIMIT {MOST_READ_AHEAD}")


def _lacking(wanted: Sequence[tuple[Any, ...]], found: list[Any]) -> list[tuple[Any, ...]]:
    there = {tuple(key) for _, *key in found}
    return [key for key in wanted if key not in there]


def _find(
    table: str, columns: str, types: str, wanted: Sequence[tuple[Any, ...]], *, read: str = "", order: str = ""
) -> list[Any]:
    """The rows whose columns have the wanted values, each as its id and the columns to read."""
    if not wanted:
        return []
    source = f"{table} JOIN {_unfolded(columns, types)} USING ({columns})"
    return _ask(f"SELECT id, {read or columns} FROM {source} {order}", _arrays(wanted))


def _make(table: str, columns: str, types: str, wanted: Sequence[tuple[Any, ...]], **extra: str) -> None:
    into, values = ", ".join([columns, *extra]), ", ".join([columns, *extra.values()])
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({into}) SELECT {values} FROM {_unfolded(columns, types)} ON CONFLICT DO NOTHING",
            _arrays(wanted),
        )


def _unfolded(columns: str, types: str) -> str:
    return f"unnest({', '.join(f'%s::{one}[]' for one in types.split(', '))}) AS w({columns})"


def _arrays(wanted: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*wanted, strict=True)]
