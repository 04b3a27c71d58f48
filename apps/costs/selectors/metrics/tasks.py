"""How tasks went: counts, their cost and their quality, by the dimensions of each task's first call.

A task belongs to the time of its first call and to the project, agent, model and so on of that call; all that it cost
counts with it, also later calls by others. One that nobody judged is in no rate, and counted beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db import connection

from apps.costs.selectors.metrics import from_records, task_sources
from apps.costs.selectors.metrics.filters import COLUMNS, conditions
from apps.costs.selectors.metrics.naming import NO_TOP, Top, apart, names_of
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.metrics.sources import Source
from apps.costs.selectors.task_sums import added, named


@dataclass(frozen=True, slots=True)
class TaskTotals:
    """Sums over tasks; what is divided by what is said once, in the properties."""

    tasks: int = 0
    judged_tasks: int = 0
    succeeded_tasks: int = 0
    judged_usd: Decimal = Decimal(0)
    failed_usd: Decimal = Decimal(0)
    succeeded_tokens: int = 0
    unpriced_tasks: int = 0
    quality_tasks: int = 0
    quality_sum: Decimal = Decimal(0)

    @property
    def completion_rate(self) -> Decimal | None:
        """Tasks that succeeded ÷ tasks that were judged."""
        return _ratio(self.succeeded_tasks, self.judged_tasks)

    @property
    def coverage(self) -> Decimal | None:
        """Tasks that were judged ÷ tasks."""
        return _ratio(self.judged_tasks, self.tasks)

    @property
    def usd_per_success(self) -> Decimal | None:
        """What judged tasks cost, failed ones included, ÷ those that succeeded."""
        return _ratio(self.judged_usd, self.succeeded_tasks)

    @property
    def tokens_per_success(self) -> Decimal | None:
        """Input and output tokens of the tasks that succeeded ÷ their number."""
        return _ratio(self.succeeded_tokens, self.succeeded_tasks)

    @property
    def quality(self) -> Decimal | None:
        """The mean quality of the tasks that were given one."""
        return _ratio(self.quality_sum, self.quality_tasks)


def _ratio(part: Decimal | int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """The tasks of one combination of group values, and of one bucket in a series."""

    values: tuple[str, ...]
    totals: TaskTotals
    bucket: datetime | None = None


_NAMES = tuple(field.name for field in fields(TaskTotals))
_FIRST_CALL = """
    JOIN costs_usagerecord r
        ON r.project_id = t.project_id AND r.occurred_at = t.first_at AND r.usage_id = t.first_id
"""
_values_of = attrgetter(*_NAMES)


def task_totals(rows: Iterable[TaskTotals]) -> TaskTotals:
    """Several groups or buckets as one."""
    found = [_values_of(row) for row in rows]
    return TaskTotals(*(sum(column, start=type(column[0])(0)) for column in zip(*found, strict=True)))


def reads_first_calls(query: UsageQuery, group_by: Sequence[str]) -> bool:
    """Whether the first call of each task has to be read. Raises BadQuery for an unknown dimension."""
    names = (*group_by, *query.filters)
    unknown = next((name for name in names if not from_records.is_known(name)), None)
    if unknown:
        raise BadQuery("group_by" if unknown in group_by else unknown, f"{unknown} is not a dimension of usage.")
    return any(name not in COLUMNS for name in names)


def tasks_by(
    query: UsageQuery, group_by: Sequence[str], *, edges: Sequence[datetime] = (), top: Top = NO_TOP
) -> list[TaskRow]:
    """Tasks that began in the time of a query, by dimensions, and by bucket when edges are given.

    `top` is as of `grouped`. Raises BadQuery as that does where the first calls have to be read for too long a time.
    """
    by_record = reads_first_calls(query, group_by)
    if by_record:
        from_records.check(query)
    aliases = {name: f"value{number}" for number, name in enumerate(group_by)}
    if by_record:
        source = _of_first_calls(query, aliases)
    else:
        columns = {alias: COLUMNS[name] for name, alias in aliases.items()}
        source = task_sources.tasks(query.start, query.end, columns, conditions(query), edges)
    bucket = "width_bucket(r.bucket, %(edges)s::timestamptz[])" if edges else "0"
    kept = apart(query, aliases, None, top, alias="r.")
    keys = ", ".join([bucket, *(sql for sql, _ in kept.values())])
    more = {name: value for _, parameters in kept.values() for name, value in parameters.items()}
    positions = ", ".join(str(number + 1) for number in range(len(aliases) + 1))
    with from_records.bounded() if by_record else nullcontext(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {keys}, {added('r')} FROM ({source.sql}) r GROUP BY {positions} HAVING bursar_total(r.tasks) <> 0",
            {**source.parameters, **more, "edges": list(edges)},
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return _named(query, found, list(aliases), edges, top)


def _of_first_calls(query: UsageQuery, aliases: Mapping[str, str]) -> Source:
    """The tasks of a question that only the first call of each can answer."""
    where, parameters = from_records.conditions_on_records(query)
    columns, more = from_records.columns_of(list(aliases))
    chosen = "".join(f", {columns[name]} AS {alias}" for name, alias in aliases.items())
    return Source(
        f"SELECT t.first_at AS bucket{chosen}, {named('t')}"
        f" FROM costs_tasktotal t JOIN costs_cell c ON c.id = t.cell_id{_FIRST_CALL}"
        f" WHERE t.first_at >= %(began_from)s AND t.first_at < %(began_until)s AND {where}",
        {**parameters, **more, "began_from": query.start, "began_until": query.end},
    )


def _named(
    query: UsageQuery,
    found: Sequence[tuple[Any, ...]],
    dimensions: Sequence[str],
    edges: Sequence[datetime],
    top: Top,
) -> list[TaskRow]:
    width = 1 + len(dimensions)
    names = [
        names_of(query, name, {row[place] for row in found}, only=top.get(name))
        for place, name in enumerate(dimensions, start=1)
    ]
    rows: dict[tuple[Any, ...], list[TaskTotals]] = {}
    for row in found:
        values = tuple(known[value] for known, value in zip(names, row[1:width], strict=True))
        rows.setdefault((edges[row[0] - 1] if edges else None, *values), []).append(TaskTotals(*row[width:]))
    return [TaskRow(key[1:], task_totals(parts), key[0]) for key, parts in rows.items()]
