"""What the rollups must say, counted anew from the records by SQL of its own: shared code could share an error."""

from collections.abc import Mapping
from dataclasses import astuple
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from apps.costs.domain.latency import EDGES
from apps.costs.selectors import proof
from apps.costs.selectors.metrics import TaskTotals, UsageQuery, task_totals, tasks_by
from apps.costs.selectors.task_sums import added, named


class Cursor(Protocol):
    """What Django's and psycopg's cursors have in common."""

    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchall(self) -> Any: ...


_RECORDS = """
    SELECT r.*, c.model_id, c.agent_id, c.status, operation.name = 'execute_tool' AS is_tool,
           operation.name <> 'execute_tool' AND r.calls = 1 AS is_seen,
           to_timestamp(floor(extract(epoch FROM r.occurred_at) / 900) * 900) AS bucket
    FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
    JOIN costs_label operation ON operation.id = r.operation_id
"""
_SHARED = {
    "tool_executions": "sum(calls) FILTER (WHERE is_tool)",
    "calls": "sum(calls) FILTER (WHERE NOT is_tool)",
    "error_calls": "count(*) FILTER (WHERE is_seen AND status = 1)",
    "unpriced_calls": "sum(calls) FILTER (WHERE NOT is_tool AND cost_usd IS NULL)",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "cache_read_input_tokens": "sum(cache_read_input_tokens)",
    "cost_usd": "sum(cost_usd)",
}
_CUBE_ONLY = {
    "observed_calls": "count(*) FILTER (WHERE is_seen)",
    "ok_calls": "count(*) FILTER (WHERE is_seen AND status = 0)",
    "estimated_calls": "sum(calls) FILTER (WHERE NOT is_tool AND usage_source = 1)",
    "repeated_calls": "count(*) FILTER (WHERE is_seen AND attempt > 1)",
    "cache_hits": "sum(calls) FILTER (WHERE NOT is_tool AND cache_hit)",
    "cache_creation_input_tokens": "sum(cache_creation_input_tokens)",
    "reasoning_output_tokens": "sum(reasoning_output_tokens)",
    "avoided_usd": "sum(price_cost_usd) FILTER (WHERE NOT is_tool AND cache_hit)",
    "latency_calls": "count(latency_ms) FILTER (WHERE is_seen)",
    "latency_ms_sum": "sum(latency_ms) FILTER (WHERE is_seen)",
    "first_token_calls": "count(time_to_first_token_ms) FILTER (WHERE is_seen)",
    "first_token_ms_sum": "sum(time_to_first_token_ms) FILTER (WHERE is_seen)",
}
_NARROW = """
    SELECT 1 AS kind, user_id::bigint AS value_id, * FROM records WHERE user_id <> 0
    UNION ALL SELECT 2, key_id, * FROM records WHERE key_id IS NOT NULL
    UNION ALL SELECT 3, tool_id, * FROM records WHERE tool_id <> 0
    UNION ALL SELECT 4, label.id, records.* FROM records, jsonb_each_text(tags) AS tag(name, value)
              JOIN costs_label label ON label.kind = 6 AND label.name = tag.name || '=' || tag.value
"""


def _compared(
    rows: str, table: str, keys: str, sums: dict[str, str], times: Mapping[str, str] = MappingProxyType({})
) -> str:
    """SQL for the rows that only one side has: counted from records ("records"), or stored ("rollup")."""
    counts = [f"coalesce({sql}, 0)" for sql in sums.values()]
    counted = f"SELECT {', '.join([keys, *counts, *times])} FROM ({rows}) r GROUP BY {keys}"
    stored = f"SELECT {', '.join([keys, *sums, *times.values()])} FROM {table}"
    return (
        f"WITH records AS ({_RECORDS}), counted AS ({counted}), stored AS ({stored}) "
        "(SELECT 'records', * FROM counted EXCEPT ALL SELECT 'records', * FROM stored) UNION ALL "
        "(SELECT 'rollup', * FROM stored EXCEPT ALL SELECT 'rollup', * FROM counted)"
    )


def _histogram(column: str, bins: str) -> str:
    return f"""
        WITH records AS ({_RECORDS}),
        counted AS (
            SELECT cell_id, bucket, width_bucket({column}, %(edges)s::bigint[])::bigint AS bin, count(*)::bigint AS n
            FROM records WHERE is_seen AND {column} IS NOT NULL GROUP BY 1, 2, 3
        ), stored AS (
            SELECT cell_id, bucket, entry >> 40 AS bin, sum(entry & ((1::bigint << 40) - 1))::bigint AS n
            FROM costs_usagequarter, unnest({bins}) AS entry GROUP BY 1, 2, 3
        )
        (SELECT 'records', * FROM counted EXCEPT ALL SELECT 'records', * FROM stored) UNION ALL
        (SELECT 'rollup', * FROM stored EXCEPT ALL SELECT 'rollup', * FROM counted)
    """


_TASK = "coalesce(nullif(task_id, ''), conversation_id)"
_BEGUN = 'is_tool, occurred_at, usage_id COLLATE "C"'
_FIRST = {"occurred_at": "first_at", "usage_id": "first_id", "cell_id": "cell_id"}
_QUESTIONS = {
    "cube": _compared("SELECT * FROM records", "costs_usagequarter", "cell_id, bucket", _SHARED | _CUBE_ONLY),
    "narrow": _compared(_NARROW, "costs_usagequarterby", "kind, value_id, bucket, project_id, model_id", _SHARED),
    "conversations": _compared(
        "SELECT * FROM records WHERE conversation_id <> ''",
        "costs_conversationtotal",
        "project_id, conversation_id",
        _SHARED,
        {"min(occurred_at)": "first_at", "max(occurred_at)": "last_at"},
    ),
    "tasks": _compared(
        f"SELECT *, {_TASK} AS the_task FROM records WHERE {_TASK} <> ''",
        "(SELECT *, task_id AS the_task FROM costs_tasktotal WHERE first_at IS NOT NULL) t",
        "project_id, the_task",
        _SHARED,
        {"max(occurred_at)": "last_at", **{f"(array_agg({c} ORDER BY {_BEGUN}))[1]": s for c, s in _FIRST.items()}},
    ),
    "latency": _histogram("latency_ms", "latency_bins"),
    "first token": _histogram("time_to_first_token_ms", "first_token_bins"),
}
_KEYS = """
    SELECT 'key without record', k.project_id, k.id_hash::text FROM costs_usagekey k
    WHERE NOT EXISTS (
        SELECT FROM costs_usagerecord r WHERE r.project_id = k.project_id AND r.occurred_at = k.occurred_at
    )
    UNION ALL
    SELECT 'stored twice', project_id, usage_id FROM costs_usagerecord GROUP BY 2, 3 HAVING count(*) > 1
    UNION ALL
    SELECT 'counts differ', (SELECT count(*) FROM costs_usagekey), (SELECT count(*) FROM costs_usagerecord)::text
    WHERE (SELECT count(*) FROM costs_usagekey) <> (SELECT count(*) FROM costs_usagerecord)
"""


def differences(cursor: Cursor) -> list[tuple[Any, ...]]:
    """Every way in which keys and rollups differ from the records; empty when all is well."""
    cursor.execute(_KEYS)
    found = [("keys", *row) for row in cursor.fetchall()]
    for name, question in _QUESTIONS.items():
        cursor.execute(question, {"edges": list(EDGES)})
        found += [(name, *row) for row in cursor.fetchall()]
    return found


def task_differences(cursor: Cursor, start: datetime, end: datetime) -> list[str]:
    """Every way in which folded tasks, and what is read of tasks in [start, end), differ from the tasks themselves."""
    folds = proof.task_folds_between(start, end)
    found = [str(one) for fold in folds for one in proof.task_fold_differences(fold)]
    of_tasks = f"SELECT {named('t')} FROM costs_tasktotal t WHERE first_at >= %(start)s AND first_at < %(end)s"
    cursor.execute(f"SELECT {added('t')} FROM ({of_tasks}) t", {"start": start, "end": end})
    right = tuple(value or 0 for value in cursor.fetchall()[0])
    for group_by in ((), ("project", "model"), ("agent", "tier"), ("model", "agent", "status")):
        whole = task_totals([TaskTotals(), *(row.totals for row in tasks_by(UsageQuery(start, end), group_by))])
        if astuple(whole) != right:
            found.append(f"{group_by}: {whole}, by the tasks {right}")
    return found
