"""The questions pages and the API ask. Sums are exact; the order of rows is by cost, then by name."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from django.db import connection

from apps.costs.domain.latency import NO_HISTOGRAM, percentile_of
from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.selectors.metrics import from_records, narrow, sources
from apps.costs.selectors.metrics.asking import from_records_only
from apps.costs.selectors.metrics.filters import COLUMNS, conditions
from apps.costs.selectors.metrics.histograms import histograms
from apps.costs.selectors.metrics.naming import NO_TOP, Columns, Top, apart, names_of
from apps.costs.selectors.metrics.shapes import OTHER, BadQuery, BreakdownRow, GroupRow, SeriesRow, Totals, UsageQuery
from apps.costs.selectors.summing import total

Key = tuple[Any, ...]

_sums_of = attrgetter(*SUMS)
_SHARES = {"latency": {"p50": 0.50, "p95": 0.95, "p99": 0.99}, "first_token": {"p50": 0.50, "p95": 0.95}}


def totals(query: UsageQuery, *, first_token: bool = False, of: Sequence[SeriesRow] | None = None) -> Totals:
    """The sums of all usage a query covers, with percentiles of latency, and of the time to first token if asked.

    `of` are rows that cover the same usage and were read in the same snapshot: their sum is not asked for again.
    """
    rows = grouped(query, (), edges=()) if of is None else of
    latencies = _percentiles(query, ["latency", "first_token"] if first_token else ["latency"])
    return _with(added([row.totals for row in rows]), latencies)


def breakdown(query: UsageQuery, *, group_by: str, limit: int, only: Collection[str] = SUMS) -> list[BreakdownRow]:
    """The sums by one dimension, dearest first; past the limit one OTHER row, so that the rows add up to the total."""
    return _limited(grouped(query, (group_by,), edges=(), only=only), limit)


def breakdown_of(rows: Sequence[SeriesRow], *, limit: int) -> list[BreakdownRow]:
    """A breakdown by the dimension of a series, from the rows of that series: all of its buckets added up."""
    parts: dict[str, list[Totals]] = {}
    for row in rows:
        parts.setdefault(row.key or "", []).append(row.totals)
    return _limited([GroupRow((key,), added(each)) for key, each in parts.items()], limit)


def _limited(found: Sequence[GroupRow], limit: int) -> list[BreakdownRow]:
    rows = sorted(found, key=_by_cost)
    kept = rows[:limit] if len(rows) > limit else rows
    answer = [BreakdownRow(row.values[0], row.values[0], row.totals) for row in kept]
    if len(rows) > limit:
        rest = [row.totals for row in rows[limit:]]
        answer.append(BreakdownRow(OTHER, f"Other ({len(rest)})", added(rest)))
    return answer


def series(
    query: UsageQuery,
    *,
    buckets: Sequence[datetime],
    group_by: str | None,
    only: Collection[str] = SUMS,
    top: Top = NO_TOP,
) -> list[SeriesRow]:
    """The sums by bucket, and by one dimension if given; `top` as of `grouped`.

    `buckets` are the buckets' starts and the last one's end.
    """
    rows = grouped(query, (group_by,) if group_by else (), edges=tuple(buckets), only=only, top=top)
    return [SeriesRow(row.bucket, row.values[0] if group_by else None, row.totals) for row in rows if row.bucket]


def grouped(
    query: UsageQuery,
    group_by: Sequence[str],
    *,
    edges: Sequence[datetime],
    wanted: Collection[str] = (),
    only: Collection[str] = SUMS,
    whole: bool = False,
    top: Top = NO_TOP,
) -> list[GroupRow]:
    """The sums by dimensions, and by bucket when edges (bucket starts and the last end) are given.

    `wanted` are measures that must not be missing: `kept` names those of an answer, the others are 0. With `only` no
    others than these, calls and tool executions are added up: the fewer, the faster. Usage without a
    user, key, tool or tag has no row when grouped by it; with `whole` it has one, named "", and the rows add up to all
    usage. Of the dimensions in `top` only these names are kept apart, all others are one group named OTHER. What no
    rollup keeps is read from the records. Raises BadQuery for an unknown dimension, or for a question to
    the records over too long a time, or that took too long.
    """
    if from_records_only(query, group_by, wanted):
        return _of_records(query, group_by, edges, only, whole=whole, top=top)
    slim = narrow.narrow_of(query, group_by)
    columns = {name: _column(name, slim) for name in group_by}
    limits = conditions(query, without=(slim.name,) if slim else ())
    measures = _some(NARROW_SUMS if slim else SUMS, only)
    if slim:
        by_model = "model_id" in columns.values()
        read = _at_top(query, slim, top) if whole else query
        source = narrow.source(read, slim, limits, edges, measures, by_model=by_model)
    else:
        source = sources.cube(query.start, query.end, set(columns.values()), limits, edges, measures)
    kept = apart(query, columns, slim, top, alias="r.")
    found = _added_up(source, kept, measures, edges)
    rows = _named(query, found, columns, edges, slim, top)
    return _with_rest(rows, query, group_by, edges, only, top, name=slim.name) if slim and whole else rows


def _at_top(query: UsageQuery, slim: narrow.Narrow, top: Top) -> UsageQuery:
    """Only what is kept apart, where the others are what all usage is more than it: then few rows are read."""
    named = top.get(slim.name)
    is_rest = named is not None and "" not in named and slim.name not in query.filters
    # A key may be called like the number of another.
    if not is_rest or named is None or slim.name == "key":
        return query
    return replace(query, filters={**query.filters, slim.name: tuple(named)})


def _some(measures: Sequence[str], only: Collection[str]) -> tuple[str, ...]:
    """Those asked for, and the two that tell whether there is any usage."""
    return tuple(name for name in measures if name in only or name in ("calls", "tool_executions"))


def _of_records(
    query: UsageQuery,
    group_by: Sequence[str],
    edges: Sequence[datetime],
    only: Collection[str],
    *,
    whole: bool,
    top: Top = NO_TOP,
) -> list[GroupRow]:
    measures = _some(SUMS, only)
    source = from_records.source(query, group_by, measures, whole=whole)
    columns = {name: from_records.column(name, group_by) for name in group_by}
    kept = apart(query, columns, None, top, alias="r.")
    with from_records.bounded():
        found = _added_up(source, kept, measures, edges)
    return _named(query, found, columns, edges, None, top)


def _named(
    query: UsageQuery,
    found: Sequence["_Sums"],
    columns: Mapping[str, str],
    edges: Sequence[datetime],
    slim: narrow.Narrow | None,
    top: Top,
) -> list[GroupRow]:
    """Rows by the names of their values; of several ids with one name the sums are added up."""
    stored = list(dict.fromkeys(columns.values()))
    names = [
        (place, names_of(query, name, {row.ids[place] for row in found}, slim, top.get(name)))
        for name, place in ((name, stored.index(column)) for name, column in columns.items())
    ]
    rows: dict[Key, list[Totals]] = {}
    for row in found:
        key = (row.bucket, *[named[row.ids[place]] for place, named in names])
        rows.setdefault(key, []).append(row.totals)
    return [GroupRow(key[1:], added(parts), edges[key[0] - 1] if edges else None) for key, parts in rows.items()]


def _with_rest(
    rows: list[GroupRow],
    query: UsageQuery,
    group_by: Sequence[str],
    edges: Sequence[datetime],
    only: Collection[str],
    top: Top,
    *,
    name: str,
) -> list[GroupRow]:
    """The rows of a narrow rollup, and what all usage is more than they: usage without a value, named ""."""
    if name not in group_by or name in query.filters:
        return rows
    place = list(group_by).index(name)
    beside = [other for other in group_by if other != name]
    parts: dict[Key, list[Totals]] = {}
    for row in rows:
        parts.setdefault((row.bucket, *row.values[:place], *row.values[place + 1 :]), []).append(row.totals)
    rest, none = [], "" if name not in top or "" in top[name] else OTHER
    for row in grouped(query, beside, edges=edges, only=only, top=top):
        left = _less(row.totals, added(parts.get((row.bucket, *row.values), [])))
        if any(_sums_of(left)):
            rest.append(GroupRow((*row.values[:place], none, *row.values[place:]), left, row.bucket))
    return rows + rest


def _less(whole: Totals, part: Totals) -> Totals:
    return Totals(**{name: getattr(whole, name) - getattr(part, name) for name in NARROW_SUMS})


class _Sums(msgspec.Struct, frozen=True, gc=False):
    bucket: int
    ids: tuple[Any, ...]
    totals: Totals


def _added_up(
    source: sources.Source, columns: Columns, measures: Sequence[str], edges: Sequence[datetime]
) -> list[_Sums]:
    bucket = "width_bucket(r.bucket, %(edges)s::timestamptz[])" if edges else "0"
    keys = ", ".join([f"{bucket} AS bucket_number", *(sql for sql, _ in columns.values())])
    more = {name: value for _, parameters in columns.values() for name, value in parameters.items()}
    sums = ", ".join(total(f"r.{name}", name) for name in measures)
    positions = ", ".join(str(number + 1) for number in range(len(columns) + 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {keys}, {sums} FROM ({source.sql}) r GROUP BY {positions}",
            {**source.parameters, **more, "edges": list(edges)},
        )
        width, made = len(columns) + 1, _maker(measures)
        return [_Sums(row[0], row[1:width], made(row[width:])) for row in cursor.fetchall()]


def _column(name: str, slim: narrow.Narrow | None) -> str:
    if slim and name == slim.name:
        return "value_id"
    if name not in COLUMNS:
        raise BadQuery("group_by", f"Cannot group by {name}; known are {', '.join(COLUMNS)}, user, key, tool, tag:….")
    return COLUMNS[name]


def added(parts: Sequence[Totals]) -> Totals:
    """The sums of several; percentiles cannot be added and are None."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(_sums_of, parts), strict=True) if parts else ((),) * len(SUMS)
    return Totals(**{name: sum(column, _zero(name)) for name, column in zip(SUMS, columns, strict=True)})


def freshness(query: UsageQuery | None = None) -> datetime | None:
    """When the newest usage arrived, of what a query may see; None when there is none yet."""
    limits = conditions(query) if query else None
    where, parameters = limits.where("c") if limits else ("true", {})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(q.last_received_at) FROM (SELECT * FROM costs_usagequarter ORDER BY bucket DESC LIMIT 2000) q"
            f" JOIN costs_cell c ON c.id = q.cell_id WHERE {where}",
            parameters,
        )
        row = cursor.fetchone()
    return row[0] if row else None


def has_usage(*, project_ids: frozenset[int] | None = None, include_demo: bool = False) -> bool:
    """Whether any usage was ever recorded in the projects one may see."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM costs_cell c JOIN access_project p ON p.id = c.project_id"
            " WHERE (NOT p.is_demo OR %s) AND (%s::bigint[] IS NULL OR p.id = ANY(%s)))",
            [include_demo, *([list(project_ids) if project_ids is not None else None] * 2)],
        )
        return bool(cursor.fetchone()[0])


def _by_cost(row: GroupRow) -> tuple[Decimal, int, tuple[str, ...]]:
    return (-row.totals.cost_usd, -row.totals.calls, row.values)


def _maker(measures: Sequence[str]) -> Callable[[Sequence[Any]], Totals]:
    """What makes Totals of the values of these measures, in the order of SUMS; the others are 0."""
    if tuple(measures) == SUMS:
        return lambda values: Totals(*values)
    return lambda values: Totals(**dict(zip(measures, values, strict=True)))


def _zero(name: str) -> Any:
    return Decimal(0) if name.endswith("_usd") else 0


def _with(found: Totals, more: Mapping[str, float | None]) -> Totals:
    return msgspec.structs.replace(found, **more)


def _percentiles(query: UsageQuery, wanted: Sequence[str]) -> dict[str, float | None]:
    if any(name not in COLUMNS for name in query.filters):
        return {}
    found: dict[str, float | None] = {}
    for what in wanted:
        rows = histograms(query, (), column=f"{what}_bins", edges=())
        counts = rows[0].counts if rows else NO_HISTOGRAM
        found |= {f"{what}_{name}_ms": percentile_of(counts, share) for name, share in _SHARES[what].items()}
    return found
