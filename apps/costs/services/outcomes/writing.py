"""What a transaction of outcomes writes: the tasks first, in the order of their keys, then the outcomes.

Whoever judges a task holds its row until the commit, so that the next one sees every outcome committed before.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

TaskKey = tuple[int, str]


class NewOutcome(NamedTuple):
    """A row of costs_outcome as it is inserted. `task_id` None and `settled_at` None: it waits."""

    project_id: int
    origin: int
    outcome_id: str
    fingerprint: str | None
    target: int
    target_id: str
    task_id: str | None
    settled_at: datetime | None
    success: bool | None
    quality: Decimal | None
    source: int
    task_type: str
    note: str
    occurred_at: datetime
    key_id: int | None
    user_id: int | None


_TYPES = (
    "int", "smallint", "text", "uuid", "smallint", "text", "text", "timestamptz", "boolean", "numeric", "smallint",
    "text", "text", "timestamptz", "bigint", "bigint",
)  # fmt: skip
_INSERT = f"""
    INSERT INTO costs_outcome ({", ".join(NewOutcome._fields)})
    SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _TYPES)})
    ON CONFLICT (project_id, origin, outcome_id) DO NOTHING RETURNING project_id, origin, outcome_id
"""  # noqa: S608
_WANTED = "unnest(%(projects)s::int[], %(tasks)s::text[]) AS w(project_id, task_id)"


def _best(what: str) -> str:
    """The best source that says anything of it, the newest within one; ids break ties of time."""
    return f"""
        SELECT o.{what}, o.source FROM costs_outcome o
        WHERE o.project_id = w.project_id AND o.task_id = w.task_id AND o.{what} IS NOT NULL
        ORDER BY o.source, o.occurred_at DESC, o.outcome_id DESC, o.origin LIMIT 1"""


_JUDGE = f"""
    UPDATE costs_tasktotal t SET success = best.success, success_source = best.success_source,
        quality = best.quality, quality_source = best.quality_source
    FROM (
        SELECT w.project_id, w.task_id, s.success, s.source AS success_source, q.quality, q.source AS quality_source
        FROM {_WANTED} LEFT JOIN LATERAL ({_best("success")}) s ON true LEFT JOIN LATERAL ({_best("quality")}) q ON true
    ) best WHERE t.project_id = best.project_id AND t.task_id = best.task_id
"""  # noqa: S608


def hold_tasks(tasks: Collection[TaskKey]) -> None:
    """Make the rows of these tasks where they are missing, and lock them until the transaction ends."""
    parameters = _keys(tasks)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO costs_tasktotal (project_id, task_id) SELECT * FROM {_WANTED}"
            ' ORDER BY w.project_id, w.task_id COLLATE "C" ON CONFLICT DO NOTHING',
            parameters,
        )
        cursor.execute(
            f"SELECT 1 FROM {_WANTED} JOIN costs_tasktotal t ON t.project_id = w.project_id AND t.task_id = w.task_id"
            " ORDER BY t.project_id, t.task_id FOR UPDATE OF t",
            parameters,
        )


def insert(rows: Sequence[NewOutcome]) -> set[tuple[int, int, str]]:
    """Insert what is new; the keys (project, origin, id) of what was."""
    ordered = sorted(rows, key=lambda row: row[:3])
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*ordered, strict=True)])
        return set(cursor.fetchall())


def judge(tasks: Collection[TaskKey]) -> None:
    """Let all outcomes of these tasks, whose rows are held, say again how they went."""
    with connection.cursor() as cursor:
        cursor.execute(_JUDGE, _keys(tasks))


def _keys(tasks: Collection[TaskKey]) -> dict[str, Any]:
    ordered = sorted(set(tasks))
    return {"projects": [project for project, _ in ordered], "tasks": [task for _, task in ordered]}
