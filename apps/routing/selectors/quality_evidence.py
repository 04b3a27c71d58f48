"""What tasks and calls of the past say of each model: judged tasks by day and source, and calls with errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.routing.domain.policy import ModelKey
from apps.routing.domain.quality import LEFT, Observed, observed_of

ERROR_DAYS = 7
"""Days of calls that errors are counted in: a provider's bad hour of last month says little."""

# The models of a task are those its calls used in the role and the task type it began with. The last one is credited
# with the outcome. Each one before it was left, which counts as a failure that nobody told: else a cheap model whose
# failures are taken over by a dear one would look as good as that one.
# The task of a call that names none is its conversation.
# An index serves comparisons in its own collation alone; tasks have another than records.
_JUDGED = """
    WITH judged AS (
        SELECT t.project_id, t.task_id, t.first_at, t.cell_id, coalesce(t.success::int::numeric, t.quality) AS value,
            CASE WHEN t.success IS NULL THEN t.quality_source ELSE t.success_source END AS source
        FROM costs_tasktotal t JOIN access_project p ON p.id = t.project_id AND NOT p.is_demo
        WHERE t.first_at >= %(since)s AND t.first_at < %(now)s AND (t.success IS NOT NULL OR t.quality IS NOT NULL)
        ORDER BY t.first_at DESC LIMIT %(most)s
    ), credited AS (
        SELECT coalesce(used.model_id, first.model_id) AS model_id, first.task_type_id,
            CASE WHEN coalesce(used.place, 1) = 1 THEN j.source ELSE %(left)s END AS source,
            CASE WHEN coalesce(used.place, 1) = 1 THEN j.value ELSE 0 END AS value,
            extract(epoch FROM %(now)s - j.first_at)::bigint / 86400 AS age_days
        FROM judged j JOIN costs_cell first ON first.id = j.cell_id
        LEFT JOIN LATERAL (
            SELECT c.model_id, row_number() OVER (ORDER BY max(r.occurred_at) DESC, c.model_id) AS place
            FROM (
                SELECT r.project_id, r.occurred_at, r.cell_id FROM costs_usagerecord r
                WHERE r.task_id = j.task_id COLLATE "default"
                UNION ALL
                SELECT r.project_id, r.occurred_at, r.cell_id FROM costs_usagerecord r
                WHERE r.conversation_id = j.task_id COLLATE "default" AND coalesce(r.task_id, '') = ''
            ) r JOIN costs_cell c ON c.id = r.cell_id
            WHERE r.project_id = j.project_id
                AND r.occurred_at >= j.first_at AND r.occurred_at < j.first_at + interval '35 days'
                AND c.task_type_id = first.task_type_id AND c.role_id = first.role_id AND c.model_id <> 0
            GROUP BY c.model_id
        ) used ON true
    )
    SELECT m.provider, m.name, coalesce(l.name, ''), c.source, c.age_days, count(*), sum(c.value)
    FROM credited c JOIN costs_usedmodel m ON m.id = c.model_id LEFT JOIN costs_label l ON l.id = c.task_type_id
    GROUP BY 1, 2, 3, 4, 5
"""
_CALLS = """
    SELECT m.provider, m.name, coalesce(l.name, ''), sum(q.calls)::bigint, sum(q.error_calls)::bigint
    FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id JOIN costs_usedmodel m ON m.id = c.model_id
    JOIN access_project p ON p.id = c.project_id AND NOT p.is_demo
    LEFT JOIN costs_label l ON l.id = c.task_type_id
    WHERE q.bucket >= %(since)s AND q.bucket < %(now)s
    GROUP BY 1, 2, 3 HAVING sum(q.calls) > 0
"""


@dataclass(slots=True)
class Seen:
    """What is known of one model: its outcomes, and by task type its calls and those with an error."""

    observed: list[Observed] = field(default_factory=list)
    calls: dict[str, tuple[int, int]] = field(default_factory=dict)


def seen_models(*, now: datetime, days: int, most_tasks: int) -> Mapping[ModelKey, Seen]:
    """Everything statistics stand on: tasks of so many days, at most so many of the newest, and recent calls."""
    found: dict[ModelKey, Seen] = {}
    tasks = {"since": now - timedelta(days=days), "now": now, "most": most_tasks, "left": LEFT}
    for provider, name, task_type, source, age_days, count, total in _rows(_JUDGED, tasks):
        seen = found.setdefault((provider, name), Seen())
        seen.observed.append(observed_of(task_type, source, age_days, count, total))
    for provider, name, task_type, calls, errors in _rows(_CALLS, {"since": now - timedelta(ERROR_DAYS), "now": now}):
        found.setdefault((provider, name), Seen()).calls[task_type] = (calls, errors)
    return found


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
