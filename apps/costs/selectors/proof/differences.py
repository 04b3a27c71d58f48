"""What does not add up, named: table, row in words, column, the rollup's value and the records' value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import localcontext
from typing import Any

from django.db import connection

from apps.costs.domain.latency import EDGES, unpacked
from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS
from apps.costs.selectors import recount
from apps.costs.selectors.horizon import Horizon, horizon
from apps.costs.selectors.metrics.snapshot import one_snapshot
from apps.costs.selectors.pace import unhurried
from apps.costs.selectors.proof import exact
from apps.costs.selectors.proof.fingerprints import suspects
from apps.costs.selectors.proof.words import bucket_words, cell_words, narrow_words
from apps.costs.selectors.summing import summed, totals

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of a rollup that its records contradict. `bucket` is None for conversations."""

    table: str
    bucket: datetime | None
    key: str
    column: str
    was: str
    is_now: str

    def __str__(self) -> str:
        when = f" {bucket_words(self.bucket)}" if self.bucket else ""
        return f"{self.table}{when} [{self.key}] {self.column}: {self.was}, by the records {self.is_now}"


@dataclass(frozen=True, slots=True)
class Span:
    """Buckets of one length: [start, end) is made of steps."""

    start: datetime
    end: datetime
    step: timedelta

    @property
    def parameters(self) -> dict[str, Any]:
        """The span as the statements of exact.py want it."""
        return {"start": self.start, "end": self.end, "step": self.step, **recount.parameters()}


def spans(start: datetime, end: datetime, limits: Horizon) -> list[Span]:
    """What of [start, end) can be proven, cut where rollups begin to be stored by the quarter-hour."""
    begin = max(start, limits.provable_from or start)
    middle = min(max(begin, limits.hours_until or begin), end)
    pieces = ((begin, middle), (middle, end))
    return [Span(first, last, limits.step(first)) for first, last in pieces if first < last]


def suspicious(start: datetime, end: datetime) -> list[Span]:
    """The buckets of [start, end), whole hours, that do not add up, found by fingerprint; each a span of its own."""
    with one_snapshot(), connection.cursor() as cursor:
        unhurried(cursor)
        found = [
            (span.step, bucket)
            for span in spans(start, end, horizon())
            for bucket in suspects(span.start, span.end, span.step)
        ]
    return [Span(bucket, bucket + step, step) for step, bucket in found]


def differences(start: datetime, end: datetime) -> list[Difference]:
    """Every difference of [start, end), whole hours, found by exact comparison of every row, in one snapshot."""
    with one_snapshot(), connection.cursor() as cursor:
        unhurried(cursor)
        pieces = spans(start, end, horizon())
        return [one for span in pieces for one in cube_differences(span) + narrow_differences(span)]


def cube_differences(span: Span) -> list[Difference]:
    """Every difference of the cube in one span, by exact comparison."""
    lacking = rows(exact.cube(), span.parameters)
    kept = _kept("costs_usagequarter", exact.CUBE_KEYS, span, "cell_id", [row["cell_id"] for row in lacking])
    words = cell_words({row["cell_id"] for row in lacking})
    found = []
    for row in sorted(lacking, key=lambda row: (row["bucket"], row["cell_id"])):
        was = kept.get((row["cell_id"], row["bucket"]), {})
        place = ("UsageQuarter", row["bucket"], words[row["cell_id"]])
        found += [Difference(*place, *change) for change in changes(SUMS, row, was)]
        found += [Difference(*place, *change) for change in _bin_changes(row, was)]
    return found


def narrow_differences(span: Span) -> list[Difference]:
    """Every difference of the narrow rollups in one span, by exact comparison."""
    lacking = rows(exact.narrow(), span.parameters)
    kept = _kept("costs_usagequarterby", exact.NARROW_KEYS, span, "value_id", [row["value_id"] for row in lacking])
    words = narrow_words({_narrow_key(row) for row in lacking})
    return [
        Difference("UsageQuarterBy", row["bucket"], words[_narrow_key(row)], *change)
        for row in sorted(lacking, key=lambda row: (row["bucket"], _narrow_key(row)))
        for change in changes(NARROW_SUMS, row, kept.get(tuple(row[name] for name in exact.NARROW_KEYS), {}))
    ]


def _narrow_key(row: Row) -> tuple[int, int, int, int]:
    return row["kind"], row["value_id"], row["project_id"], row["model_id"]


def changes(names: Iterable[str], lacking: Row, was: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The columns of a row that lack something: name, what it was, what it is by the records."""
    values = ((name, was.get(name, 0), lacking[name]) for name in names if lacking[name])
    with localcontext(prec=100):
        return [(name, _plain(value), _plain(value + more)) for name, value, more in values]


def _bin_changes(lacking: Row, was: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for name in HISTOGRAMS:
        before = unpacked(was.get(name, ()))
        for entry in lacking[name]:
            (number, more), sign = next(iter(unpacked([abs(entry)]).items())), 1 if entry > 0 else -1
            count = before.get(number, 0)
            found.append((f"{name} at {EDGES[number - 1]} ms", str(count), str(count + sign * more)))
    return found


def _plain(value: Any) -> str:
    """A sum as text; money without zeros at its end and never as a power of ten."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _kept(table: str, keys: Sequence[str], span: Span, column: str, values: list[int]) -> dict[tuple[Any, ...], Row]:
    """The rollup rows, by key, that belong to differing keys; an hour's rows added up."""
    if not values:
        return {}
    bucketed = ", ".join(
        "date_bin(%(step)s, bucket, timestamptz 'epoch') AS bucket" if k == "bucket" else k for k in keys
    )
    measures = SUMS + HISTOGRAMS if table == "costs_usagequarter" else NARROW_SUMS
    listed = ", ".join(keys)
    added = (
        summed("kept", listed)
        if table == "costs_usagequarter"
        else f"SELECT {listed}, {totals(NARROW_SUMS)} FROM kept u GROUP BY {listed}"
    )
    found = rows(
        f"WITH kept AS (SELECT {bucketed}, {', '.join(measures)} FROM {table}"
        f" WHERE bucket >= %(start)s AND bucket < %(end)s AND {column} = ANY(%(values)s)) {added}",
        {**span.parameters, "values": values},
    )
    return {tuple(row[name] for name in keys): row for row in found}


def rows(sql: str, parameters: Mapping[str, Any]) -> list[Row]:
    """The rows of a query as dictionaries by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, dict(parameters))
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
