"""Interning: strings, models and cells of the cube become small integers, once each, remembered in the process."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from django.db import connection

Labelled = tuple[int, str]
ModelName = tuple[str, str]
Dimensions = tuple[int, int, int, int, int, int, int]
K = TypeVar("K", Labelled, ModelName, Dimensions)

MAX_REMEMBERED = 200_000

_labels: dict[Labelled, int] = {}
_models: dict[ModelName, int] = {}
_cells: dict[Dimensions, int] = {}


def label_ids(wanted: Collection[Labelled]) -> dict[Labelled, int]:
    """The ids of (LabelKind, name) pairs, made at first sight."""
    return _interned(wanted, _labels, _insert_labels)


def model_ids(wanted: Collection[ModelName]) -> dict[ModelName, int]:
    """The ids of (canonical provider, model name) pairs, made at first sight."""
    return _interned(wanted, _models, _insert_models)


def cell_ids(wanted: Collection[Dimensions]) -> dict[Dimensions, int]:
    """The ids of (project, agent, model, tier, role, task type, status) combinations, made at first sight."""
    return _interned(wanted, _cells, _insert_cells)


def forget() -> None:
    """Drop what the process remembers, after rows were removed under it."""
    _labels.clear()
    _models.clear()
    _cells.clear()


def _interned(wanted: Collection[K], known: dict[K, int], insert: Callable[[Sequence[K]], list[Any]]) -> dict[K, int]:
    missing = sorted({key for key in wanted if key not in known})
    if len(known) + len(missing) > MAX_REMEMBERED:
        known.clear()
        missing = sorted(set(wanted))
    if missing:
        known.update({tuple(key): number for number, *key in insert(missing)})
    return {key: known[key] for key in wanted}


def _insert_labels(missing: Sequence[Labelled]) -> list[Any]:
    kinds, names = [kind for kind, _ in missing], [name for _, name in missing]
    return _insert_and_read(
        "costs_label", "(kind, name)", "unnest(%s::int[], %s::text[]) AS w(kind, name)", [kinds, names]
    )


def _insert_models(missing: Sequence[ModelName]) -> list[Any]:
    wanted = [[provider for provider, _ in missing], [name for _, name in missing]]
    return _insert_and_read(
        "costs_usedmodel",
        "(provider, name)",
        "unnest(%s::text[], %s::text[]) AS w(provider, name)",
        wanted,
        first_seen_at="now()",
    )


def _insert_cells(missing: Sequence[Dimensions]) -> list[Any]:
    columns = "project_id, agent_id, model_id, tier_id, role_id, task_type_id, status"
    arrays = ", ".join(["%s::int[]"] * 7)
    wanted = [list(column) for column in zip(*missing, strict=True)]
    return _insert_and_read("costs_cell", f"({columns})", f"unnest({arrays}) AS w({columns})", wanted)


def _insert_and_read(table: str, columns: str, source: str, wanted: list[Any], **extra: str) -> list[Any]:
    names = columns.strip("()")
    into = ", ".join([names, *extra])
    values = ", ".join([names, *extra.values()])
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({into}) SELECT {values} FROM {source} ON CONFLICT DO NOTHING", wanted)
        chosen = ", ".join(f"t.{name.strip()}" for name in names.split(","))
        cursor.execute(f"SELECT t.id, {chosen} FROM {table} t JOIN {source} USING {columns}", wanted)
        found: list[Any] = cursor.fetchall()
        return found
