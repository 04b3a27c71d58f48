"""The rows of rollups in words: names for the ids of cells, narrow keys and buckets."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection

from apps.costs.domain.kinds import NarrowKind, Status

NONE = "–"


def bucket_words(bucket: datetime) -> str:
    """The beginning of a bucket: "2026-11-20T10:15Z"."""
    return f"{bucket:%Y-%m-%dT%H:%MZ}"


def cell_words(cell_ids: Collection[int]) -> dict[int, str]:
    """Cells by id: "project default, agent –, model openai gpt-4.1, tier –, …"."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, p.name, a.name, concat_ws(' ', m.provider, m.name), t.name, r.name, k.name, c.status
            FROM costs_cell c LEFT JOIN access_project p ON p.id = c.project_id
            LEFT JOIN access_agent a ON a.id = c.agent_id LEFT JOIN costs_usedmodel m ON m.id = c.model_id
            LEFT JOIN costs_label t ON t.id = c.tier_id LEFT JOIN costs_label r ON r.id = c.role_id
            LEFT JOIN costs_label k ON k.id = c.task_type_id WHERE c.id = ANY(%s)
            """,
            [list(cell_ids)],
        )
        rows = cursor.fetchall()
    dimensions = ("project", "agent", "model", "tier", "role", "task type")
    found = {
        row[0]: ", ".join(
            [
                *(f"{what} {name or NONE}" for what, name in zip(dimensions, row[1:7], strict=True)),
                f"status {Status(row[7]).name.lower()}",
            ]
        )
        for row in rows
    }
    return {cell_id: found.get(cell_id, f"cell {cell_id}") for cell_id in cell_ids}


def narrow_words(keys: Collection[tuple[int, int, int, int]]) -> dict[tuple[int, int, int, int], str]:
    """Narrow keys (kind, value, project, model): "user ada, project default, model openai gpt-4.1"."""
    labels = _names("costs_label", {key[1] for key in keys if key[0] != NarrowKind.KEY})
    api_keys = _names("access_apikey", {key[1] for key in keys if key[0] == NarrowKind.KEY})
    projects = _names("access_project", {key[2] for key in keys})
    models = _names("costs_usedmodel", {key[3] for key in keys}, "provider || ' ' || name")
    return {
        key: f"{NarrowKind(key[0]).name.lower()} {_value(key, api_keys, labels)},"
        f" project {projects.get(key[2], key[2])}, model {models.get(key[3], NONE)}"
        for key in keys
    }


def project_names(project_ids: Collection[int]) -> Mapping[int, str]:
    """Projects by id."""
    return _names("access_project", set(project_ids))


def _value(key: tuple[int, int, int, int], api_keys: Mapping[int, str], labels: Mapping[int, str]) -> str:
    names = api_keys if key[0] == NarrowKind.KEY else labels
    return names.get(key[1], f"number {key[1]}")


def _names(table: str, ids: set[int], name: str = "name") -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {name} FROM {table} WHERE id = ANY(%s)", [list(ids)])
        return dict(cursor.fetchall())
