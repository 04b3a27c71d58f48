"""How slow calls were, by group: histograms, which can be added up where percentiles cannot."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from django.db import connection

from apps.costs.domain.latency import COUNT_BITS, COUNT_MASK, NO_HISTOGRAM, Histogram, added, by_place
from apps.costs.selectors.metrics import from_records, sources
from apps.costs.selectors.metrics.asking import from_records_only
from apps.costs.selectors.metrics.filters import COLUMNS, conditions
from apps.costs.selectors.metrics.naming import NO_TOP, Columns, Top, apart, names_of
from apps.costs.selectors.metrics.shapes import UsageQuery

Column = Literal["latency_bins", "first_token_bins"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupHistogram:
    """The calls of one group, and of one bucket in a series, by the bin of their latency (domain/latency.py)."""

    values: tuple[str, ...]
    counts: Histogram
    bucket: datetime | None = None

    def __eq__(self, other: object) -> bool:
        """Whether the same calls are in the same bins."""
        if not isinstance(other, GroupHistogram):
            return NotImplemented
        same = (self.values, self.bucket) == (other.values, other.bucket)
        return same and np.array_equal(self.counts, other.counts)


def histograms(
    query: UsageQuery,
    group_by: Sequence[str],
    *,
    edges: Sequence[datetime],
    column: str = "latency_bins",
    top: Top = NO_TOP,
) -> list[GroupHistogram]:
    """The histograms of latency, or of the time to first token, by dimensions, and by bucket when edges are given.

    The narrow rollups keep none: by user, key, tool or tag the records are read. BadQuery and `top` as of `grouped`.
    """
    reads_records = from_records_only(query, group_by, (column,))
    if reads_records:
        source = from_records.source(query, group_by, (column,), whole=True)
        columns = {name: from_records.column(name, group_by) for name in group_by}
    else:
        columns = {name: COLUMNS[name] for name in group_by}
        source = sources.cube(query.start, query.end, set(columns.values()), conditions(query), edges, [column])
    with from_records.bounded() if reads_records else nullcontext():
        found = _counted(source, apart(query, columns, None, top, alias="r."), column, edges)
    return _named(query, found, columns, edges, top)


def merged(parts: Iterable[Histogram]) -> Histogram:
    """Histograms added up."""
    return added([part for part in parts if part is not NO_HISTOGRAM])


def _counted(
    source: sources.Source, columns: Columns, column: str, edges: Sequence[datetime]
) -> dict[tuple[Any, ...], Histogram]:
    bucket = "width_bucket(r.bucket, %(edges)s::timestamptz[])" if edges else "0"
    keys = ", ".join([f"{bucket} AS bucket_number", *(sql for sql, _ in columns.values())])
    more = {name: value for _, parameters in columns.values() for name, value in parameters.items()}
    parameters = {**source.parameters, **more, "edges": list(edges)}
    rows: list[Any] = []
    with connection.cursor() as cursor:
        for sql in _questions(source, column, keys, len(columns) + 1):
            cursor.execute(sql, parameters)
            rows += cursor.fetchall()
    places: dict[tuple[Any, ...], int] = {}
    place_of = [places.setdefault(row[:-1], len(places)) for row in rows]
    found = by_place(place_of, [row[-1] for row in rows], len(places))
    return {(key[0], *zip(columns, key[1:], strict=True)): counts for key, counts in zip(places, found, strict=True)}


def _questions(source: sources.Source, column: str, keys: str, width: int) -> list[str]:
    """Rows of slices are few, and added up here faster than entry by entry in the database; all others there."""
    many = source.many if source.few else source.sql
    questions = [f"SELECT {keys}, r.{column} FROM ({source.few}) r"] if source.few else []
    if many:
        grouped, positions = (", ".join(str(number + 1) for number in range(size)) for size in (width, width + 1))
        listed = ", ".join(f"key{number}" for number in range(width))
        # One row a group, its histogram packed: a row for every bin would take longer to receive than to count.
        questions.append(
            f"SELECT {listed}, array_agg((bin << {COUNT_BITS}) + many) FROM ("
            f"SELECT {keys}, entry >> {COUNT_BITS}, bursar_total(entry & {COUNT_MASK})"
            f" FROM ({many}) r, unnest(r.{column}) AS entry GROUP BY {positions}"
            f") counted({listed}, bin, many) GROUP BY {grouped}"
        )
    return questions


def _named(
    query: UsageQuery,
    found: dict[tuple[Any, ...], Histogram],
    columns: dict[str, str],
    edges: Sequence[datetime],
    top: Top,
) -> list[GroupHistogram]:
    ids = [(number, dict(values), counts) for (number, *values), counts in found.items()]
    names = {
        name: names_of(query, name, {each[column] for _, each, _ in ids}, only=top.get(name))
        for name, column in columns.items()
    }
    rows: dict[tuple[Any, ...], list[Histogram]] = {}
    for number, each, counts in ids:
        moment = edges[number - 1] if edges else None
        key = (moment, *(names[name][each[column]] for name, column in columns.items()))
        rows.setdefault(key, []).append(counts)
    return [GroupHistogram(key[1:], merged(parts), key[0]) for key, parts in rows.items()]
