"""How the tasks of a conversation went, and who said so."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.selectors.conversations.listing import Conversation, source_name
from apps.costs.selectors.conversations.timeline import ONE, key_of_conversation
from apps.costs.selectors.targets import TASK_OF_RECORD

MOST_TASKS = 50
MOST_JUDGEMENTS = 50


@dataclass(frozen=True, slots=True)
class Task:
    """One task that a conversation worked on, and its verdict."""

    id: str
    calls: int
    cost_usd: Decimal
    success: bool | None
    success_source: str | None
    quality: Decimal | None
    quality_source: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """One outcome that was told of a task; `by` is who told it, as far as that is known."""

    id: str
    task_id: str
    source: str
    success: bool | None
    quality: Decimal | None
    note: str
    occurred_at: datetime
    received_at: datetime
    by: str
    user_id: int | None


def tasks_in(one: Conversation) -> list[Task]:
    """The tasks of a conversation in the order in which they began, at most 50; by default it is its own task."""
    rows = _rows(
        f"SELECT w.task_id, coalesce(t.calls, 0), coalesce(t.cost_usd, 0), t.success, t.success_source, t.quality,"
        f" t.quality_source FROM (SELECT {TASK_OF_RECORD} AS task_id, min(r.occurred_at) AS began"
        f" FROM ({ONE}) r GROUP BY 1) w"
        " LEFT JOIN costs_tasktotal t ON t.project_id = %(project)s AND t.task_id = w.task_id"
        f" ORDER BY w.began, w.task_id LIMIT {MOST_TASKS}",
        key_of_conversation(one),
    )
    return [
        Task(identity, calls, usd, success, source_name(by), quality, source_name(quality_by))
        for identity, calls, usd, success, by, quality, quality_by in rows
    ]


def judgements(project_id: int, tasks: Collection[str]) -> list[Judgement]:
    """What was told of these tasks, newest first, at most 50."""
    rows = _rows(
        "SELECT o.outcome_id, o.task_id, o.source, o.success, o.quality, o.note, o.occurred_at, o.received_at,"
        " coalesce(u.email, 'key ' || k.name, ''), o.user_id FROM costs_outcome o"
        " LEFT JOIN access_user u ON u.id = o.user_id LEFT JOIN access_apikey k ON k.id = o.key_id"
        " WHERE o.project_id = %(project)s AND o.task_id = ANY(%(tasks)s)"
        f" ORDER BY o.occurred_at DESC, o.outcome_id DESC LIMIT {MOST_JUDGEMENTS}",
        {"project": project_id, "tasks": list(tasks)},
    )
    return [Judgement(row[0], row[1], source_name(row[2]) or "", *row[3:]) for row in rows]


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
