"""Compressed calls beside uncompressed ones of the same task type, and what compressing saved.

The compressed are read from the records, which an index finds; what all of a task type did is summed up already, and
the uncompressed are the rest. Calls with a compression that Bursar made save what its tokens would have cost; what the
first of them lost of the prompt cache, and a summary, are taken off. Other compressed calls save nobody knows what.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.selectors import metrics, recount
from apps.costs.selectors.metrics import UsageQuery, from_records
from apps.costs.selectors.targets import TASK_OF_RECORD
from apps.routing.domain.comparing import Difference, Share, difference
from apps.routing.selectors.use import LATELY

_MARKED = "(r.compressed OR r.compression_id IS NOT NULL)"
_SUMS = ("calls", "observed_calls", "ok_calls", "error_calls", "repeated_calls")
_TASKS = ("tasks", "judged_tasks", "succeeded_tasks")
_COMPRESSED = """
    WITH marked AS MATERIALIZED (
        SELECT r.*, c.task_type_id, c.status FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
        WHERE {marked} AND r.operation_id <> %(execute_tool)s AND {where}
    ), priced AS (
        SELECT r.task_type_id, CASE WHEN r.input_tokens > 0 THEN k.tokens_before - k.tokens_after END AS tokens,
            CASE WHEN r.input_tokens > 0 THEN r.input_tokens + k.tokens_before - k.tokens_after END AS whole,
            CASE WHEN r.input_tokens > 0 THEN k.usd_saved_per_call ELSE 0 END AS saved, k.usd_lost AS lost,
            k.created_at >= %(records_from)s AND
                row_number() OVER (PARTITION BY k.compression_id ORDER BY r.occurred_at, r.usage_id) = 1 AS is_first
        FROM marked r JOIN routing_compression k
            ON k.compression_id = r.compression_id AND (k.project_id IS NULL OR k.project_id = r.project_id)
    ), saved AS (
        SELECT task_type_id, coalesce(sum(saved), 0) AS saved, count(saved) AS known,
            coalesce(sum(tokens), 0) AS tokens, coalesce(sum(whole), 0) AS whole,
            coalesce(sum(lost) FILTER (WHERE is_first), 0) AS lost
        FROM priced GROUP BY 1
    ), done AS (
        SELECT r.task_type_id, {sums} FROM marked r CROSS JOIN LATERAL (SELECT r.status) c GROUP BY 1
    ), judged AS (
        SELECT c.task_type_id, count(*) AS tasks, count(t.success) AS judged, count(*) FILTER (WHERE t.success) AS well
        FROM costs_tasktotal t JOIN costs_cell c ON c.id = t.cell_id
        WHERE t.first_at >= %(records_from)s AND t.first_at < %(records_until)s
            AND (t.project_id, t.task_id) IN (
                SELECT r.project_id, {task} FROM marked r WHERE {task} IS NOT NULL
            )
        GROUP BY 1
    )
    SELECT coalesce(l.name, ''), {names}, coalesce(j.tasks, 0), coalesce(j.judged, 0), coalesce(j.well, 0),
        coalesce(s.saved, 0), coalesce(s.lost, 0), coalesce(s.known, 0), coalesce(s.tokens, 0)::bigint,
        coalesce(s.whole, 0)::bigint
    FROM done d LEFT JOIN saved s USING (task_type_id) LEFT JOIN judged j USING (task_type_id)
    LEFT JOIN costs_label l ON l.id = d.task_type_id
"""


@dataclass(frozen=True, slots=True)
class Did:
    """What one side of a comparison did: calls, those that ended in an error, those that were repeated, and tasks."""

    calls: int = 0
    observed_calls: int = 0
    ok_calls: int = 0
    error_calls: int = 0
    repeated_calls: int = 0
    tasks: int = 0
    judged_tasks: int = 0
    succeeded_tasks: int = 0

    @property
    def success(self) -> Share:
        """Tasks that succeeded, of those that were judged."""
        return Share(self.succeeded_tasks, self.judged_tasks)

    @property
    def errors(self) -> Share:
        """Calls that ended in an error, of those that ended well or in one."""
        return Share(self.error_calls, self.ok_calls + self.error_calls)

    @property
    def retries(self) -> Share:
        """Single calls that were not the first attempt."""
        return Share(self.repeated_calls, self.observed_calls)


@dataclass(frozen=True, slots=True)
class Compared:
    """One task type. `saved_usd` is of the `known_calls` of the compressed ones, `lost_usd` is to be taken off.

    `tokens_before` is what their prompts had with what was taken out of them: input tokens as billed, and those saved.
    """

    task_type: str
    compressed: Did
    uncompressed: Did
    saved_usd: Decimal = Decimal(0)
    lost_usd: Decimal = Decimal(0)
    known_calls: int = 0
    tokens_saved: int = 0
    tokens_before: int = 0
    success: Difference = field(init=False)
    errors: Difference = field(init=False)
    retries: Difference = field(init=False)

    def __post_init__(self) -> None:
        for name in ("success", "errors", "retries"):
            found = difference(getattr(self.compressed, name), getattr(self.uncompressed, name))
            object.__setattr__(self, name, found)

    @property
    def net_usd(self) -> Decimal:
        """What is left of the saving."""
        return self.saved_usd - self.lost_usd

    @property
    def unknown_calls(self) -> int:
        """Compressed calls whose saving nobody knows."""
        return self.compressed.calls - self.known_calls


def compared(query: UsageQuery) -> list[Compared]:
    """The task types with compressed calls, the most of them first. Raises BadQuery for what records cannot answer."""
    from_records.check(query)
    with metrics.one_snapshot():
        marked = _marked(query)
        if not marked:
            return []
        every = {row.values[0]: row.totals for row in metrics.grouped(query, ("task_type",), edges=(), whole=True)}
        tasks = {row.values[0]: row.totals for row in metrics.tasks_by(query, ("task_type",))}
    found = []
    for name, did, saving in marked:
        all_calls, all_tasks = every.get(name, metrics.Totals()), tasks.get(name, metrics.TaskTotals())
        whole = {name: getattr(all_calls, name) for name in _SUMS}
        whole |= {name: getattr(all_tasks, name) for name in _TASKS}
        rest = Did(**{name: max(value - getattr(did, name), 0) for name, value in whole.items()})
        found.append(Compared(name, did, rest, *saving))
    return sorted(found, key=lambda one: (-one.compressed.calls, one.task_type))


def compared_lately(*, now: datetime, project_ids: frozenset[int] | None) -> list[Compared]:
    """The last 30 days, cut at quarter-hours, so that rollups tell of the rest alone."""
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    return compared(UsageQuery(end - LATELY, end, project_ids=project_ids))


def _marked(query: UsageQuery) -> list[tuple[str, Did, tuple[Any, ...]]]:
    where, parameters = from_records.conditions_on_records(query)
    sql = _COMPRESSED.format(
        marked=_MARKED,
        where=where,
        sums=", ".join(f"sum({recount.MEASURES[name]}) AS {name}" for name in _SUMS),
        names=", ".join(f"d.{name}" for name in _SUMS),
        task=TASK_OF_RECORD,
    )
    with from_records.bounded(), connection.cursor() as cursor:
        cursor.execute(sql, parameters | recount.parameters())
        rows = cursor.fetchall()
    width = len(_SUMS) + len(_TASKS)
    return [(row[0], Did(*map(int, row[1 : width + 1])), row[width + 1 :]) for row in rows]
