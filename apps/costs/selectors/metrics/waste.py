"""Money spent for nothing, by any dimensions: failed calls, failovers to a dearer model, prompt-cache misses.

What failed is in the rollups. Which attempt followed which, and what a cache could have answered, only the records
tell: folded days and hours keep their sums. What no fold keeps is read from the records, few days at a time, and no
longer than a statement may take.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.domain.slices import slice_for
from apps.costs.domain.wasting import WASTE_SUMS, WasteTotals, waste_totals
from apps.costs.selectors.metrics import from_records, waste_records, waste_sources
from apps.costs.selectors.metrics.asking import from_records_only
from apps.costs.selectors.metrics.filters import COLUMNS, conditions
from apps.costs.selectors.metrics.naming import NO_TOP, Top, apart, names_of
from apps.costs.selectors.metrics.questions import grouped
from apps.costs.selectors.metrics.shapes import UsageQuery
from apps.costs.selectors.summing import total

__all__ = ["WasteRow", "WasteTotals", "errors_by_type", "waste_by", "waste_reads_records", "waste_totals"]

WASTED = ("error", "cancelled")
FAILED = WASTE_SUMS[:3]
"""The sums that rollups have."""
FAILED_SUMS = ("observed_calls", "cost_usd")
Place = tuple[Any, ...]
"""The number of the bucket, then the ids of the group values."""


@dataclass(frozen=True, slots=True)
class WasteRow:
    """The waste of one combination of group values, and of one bucket in a series."""

    values: tuple[str, ...]
    totals: WasteTotals
    bucket: datetime | None = None


def waste_by(
    query: UsageQuery,
    group_by: Sequence[str],
    *,
    edges: Sequence[datetime] = (),
    from_rollups: bool = False,
    top: Top = NO_TOP,
) -> list[WasteRow]:
    """The waste of a query, by dimensions, and by bucket when edges are given; `top` as of `grouped`.

    With `from_rollups` only what failed, for any length of time; else raises BadQuery where too long a time has to be
    read from the records, or when reading took too long.
    """
    rows, pieces = _folded(query, group_by, edges, top, FAILED if from_rollups else WASTE_SUMS)
    for piece in pieces:
        rows += _failed(piece, group_by, edges, top)
    if not from_rollups and pieces:
        from_records.check_days(sum((piece.end - piece.start for piece in pieces), timedelta()))
        keys = _keys(group_by, edges)
        with from_records.bounded():
            for piece in pieces:
                found = waste_records.repeated(piece, keys, most=settings.PRICE_PREVIEW_RECORDS)
                rows += _named(piece, found + waste_records.missed(piece, keys), group_by, edges, top)
    parts: dict[tuple[Any, ...], list[WasteTotals]] = {}
    for row in rows:
        parts.setdefault((row.bucket, *row.values), []).append(row.totals)
    return [WasteRow(key[1:], waste_totals(found), key[0]) for key, found in parts.items()]


def waste_reads_records(query: UsageQuery, group_by: Sequence[str]) -> bool:
    """Whether no fold keeps what is asked. Raises BadQuery for an unknown dimension."""
    if from_records_only(query, group_by):
        return True
    names = (*group_by, *query.filters)
    return any(name not in COLUMNS for name in names) or slice_for({COLUMNS[name] for name in names}) is None


def _folded(
    query: UsageQuery, group_by: Sequence[str], edges: Sequence[datetime], top: Top, names: Sequence[str]
) -> tuple[list[WasteRow], list[UsageQuery]]:
    """What folds answer, and the question for the rest of the time."""
    if waste_reads_records(query, group_by):
        return [], [query]
    columns = {name: COLUMNS[name] for name in group_by}
    kept = waste_sources.kept(query.start, query.end, set(columns.values()), conditions(query), edges)
    pieces = [replace(query, start=begin, end=until) for begin, until in kept.rest]
    if kept.source is None:
        return [], pieces
    shown = apart(query, columns, None, top, alias="r.")
    bucket = "width_bucket(r.bucket, %(edges)s::timestamptz[])" if edges else "0"
    keys = ", ".join([bucket, *(shown[column][0] for column in columns.values())])
    more = {name: value for _, parameters in shown.values() for name, value in parameters.items()}
    positions = ", ".join(str(number + 1) for number in range(len(columns) + 1))
    sums = ", ".join(total(f"r.{name}", name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {keys}, {sums} FROM ({kept.source.sql}) r GROUP BY {positions}",
            {**kept.source.parameters, **more, "edges": list(edges)},
        )
        width = len(columns) + 1
        found = [(row[:width], WasteTotals(*row[width:])) for row in cursor.fetchall()]
    return _named(query, found, group_by, edges, top), pieces


def errors_by_type(query: UsageQuery) -> dict[str, int]:
    """Failed calls by the name of their type of error.

    Folds keep them by project alone; else they are read from the records. Raises BadQuery as `waste_by` does.
    """
    kept = waste_sources.Kept(None, [(query.start, query.end)])
    if all(name in COLUMNS for name in query.filters):
        kept = waste_sources.kept_errors(query.start, query.end, conditions(query))
    counts: dict[str, int] = {}
    if kept.source is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT r.error_type_id, bursar_total(r.failed_calls) FROM ({kept.source.sql}) r GROUP BY 1",
                kept.source.parameters,
            )
            found = dict(cursor.fetchall())
        names = names_of(query, "error_type", set(found))
        for number, calls in found.items():
            counts[names[number]] = counts.get(names[number], 0) + calls
    from_records.check_days(sum((until - begin for begin, until in kept.rest), timedelta()))
    for begin, until in kept.rest:
        piece = replace(query, start=begin, end=until)
        for row in grouped(piece, ("error_type",), edges=(), whole=True, only=("error_calls",)):
            counts[row.values[0]] = counts.get(row.values[0], 0) + row.totals.error_calls
    return {name: calls for name, calls in counts.items() if calls}


def _failed(query: UsageQuery, group_by: Sequence[str], edges: Sequence[datetime], top: Top) -> list[WasteRow]:
    names = list(group_by) if "status" in group_by else [*group_by, "status"]
    rows = []
    for row in grouped(query, names, edges=edges, whole=True, wanted=FAILED_SUMS, only=FAILED_SUMS, top=top):
        is_wasted, sums = row.values[names.index("status")] in WASTED, row.totals
        failed = WasteTotals(failed_calls=sums.calls, failed_usd=sums.cost_usd) if is_wasted else WasteTotals()
        rows.append(
            WasteRow(row.values[: len(group_by)], replace(failed, observed_calls=sums.observed_calls), row.bucket)
        )
    return rows


def _keys(group_by: Sequence[str], edges: Sequence[datetime]) -> waste_records.Keys:
    columns, parameters = from_records.columns_of(group_by)
    bucket = "width_bucket(r.occurred_at, %(edges)s::timestamptz[])" if edges else "0"
    return waste_records.Keys([bucket, *columns.values()], {**parameters, "edges": list(edges)})


def _named(
    query: UsageQuery,
    found: Sequence[tuple[Place, WasteTotals]],
    group_by: Sequence[str],
    edges: Sequence[datetime],
    top: Top,
) -> list[WasteRow]:
    names = [
        names_of(query, name, {place[number] for place, _ in found}, only=top.get(name))
        for number, name in enumerate(group_by, start=1)
    ]
    return [
        WasteRow(
            tuple(known[value] for known, value in zip(names, place[1:], strict=True)),
            totals,
            edges[place[0] - 1] if edges else None,
        )
        for place, totals in found
    ]
