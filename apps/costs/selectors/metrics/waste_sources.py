"""Which rows answer a question about waste: sums of folded days and hours where they hold, and records for the rest.

As in sources.py a fold is read if it lies wholly inside the range and across none of the edges; of hours there are
slices of one dimension. What no fold covers, the last hours above all, is left to the records.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from apps.costs.domain.slices import ERRORS, HOUR_ERRORS, HOURS, Slice, hour_slice, slice_for
from apps.costs.domain.wasting import WASTE_SUMS
from apps.costs.selectors.horizon import HOUR
from apps.costs.selectors.metrics.cutting import Range
from apps.costs.selectors.metrics.filters import Conditions
from apps.costs.selectors.metrics.snapshot import once
from apps.costs.selectors.metrics.sources import Source, left
from apps.costs.selectors.metrics.waste_hours import hours_of, waste_folds


@dataclass(frozen=True, slots=True)
class Kept:
    """The rows of folds, None where there are none, and what of the time they do not cover."""

    source: Source | None
    rest: list[Range]


def kept(
    start: datetime, end: datetime, columns: Collection[str], limits: Conditions, edges: Sequence[datetime]
) -> Kept:
    """The sums of waste of [start, end) with these cell columns: bucket, the columns, and WASTE_SUMS."""
    of_days = slice_for({*columns, *limits.columns})
    return _kept(start, end, columns, limits, edges, of_days, hour_slice(of_days))


def kept_errors(start: datetime, end: datetime, limits: Conditions) -> Kept:
    """The failed calls by type of error, as `failed_calls` of rows with `error_type_id`; of no slice with filters."""
    slices = (None, None) if limits.columns else (ERRORS, HOUR_ERRORS)
    return _kept(start, end, ("error_type_id",), limits, (), *slices)


def _kept(
    start: datetime,
    end: datetime,
    columns: Collection[str],
    limits: Conditions,
    edges: Sequence[datetime],
    of_days: Slice | None,
    of_hours: Slice | None,
) -> Kept:
    start, end = _with_usage(start, end)
    if of_days is None or start >= end:
        return Kept(None, [(start, end)] if start < end else [])
    known = once(("waste folds", start, end), lambda: waste_folds(start, end))
    ordered = sorted(edges)
    days = [(begin, until) for zone, begin, until in known if zone != HOURS and start <= begin and until <= end]
    days = [day for day in days if not _is_cut(*day, ordered)]
    rest = left([(start, end)], days)
    hours = [hour for hour in hours_of(known) if not _is_cut(*hour, ordered)] if of_hours else []
    hours = [hour for hour in hours if any(begin <= hour[0] and hour[1] <= until for begin, until in rest)]
    rest = left(rest, hours)
    if not days and not hours:
        return Kept(None, rest)
    _, parameters = limits.where("s")
    parameters |= {"waste_days": [day[0] for day in days], "waste_hours": [hour[0] for hour in hours]}
    parameters["every"] = list(limits.every or ())
    parts = [_slice(of_days, "waste_days", columns, limits)] if days else []
    parts += [_slice(of_hours, "waste_hours", columns, limits)] if hours and of_hours else []
    return Kept(Source(" UNION ALL ".join(parts), parameters), rest)


def _with_usage(start: datetime, end: datetime) -> Range:
    """What of [start, end) lies between the first and the last usage there is."""
    first, last = once("span of usage", _read_span)
    return (max(start, first), min(end, last + HOUR)) if first and last else (start, start)


def _read_span() -> tuple[datetime | None, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(bucket), max(bucket) FROM costs_usagequarter")
        row = cursor.fetchone()
        return (row[0], row[1])


def _slice(one: Slice, buckets: str, columns: Collection[str], limits: Conditions) -> str:
    stored = {"project_id": "project_id", **dict(zip(one.dimensions, ("a_id", "b_id"), strict=False))}
    chosen = "".join(f", s.{stored[name]} AS {name}" for name in columns)
    only = "".join(f" AND s.{stored[column]} = ANY(%(only_{column})s)" for column in limits.ids)
    is_every = limits.every is not None and "project_id" not in columns and "agent_id" not in one.dimensions
    projects = "every" if is_every else "projects"
    return (
        f"SELECT s.bucket{chosen}, {', '.join(f's.{name}' for name in WASTE_SUMS)} FROM costs_wasteslice s"
        f" WHERE s.slice = {one.number} AND s.bucket = ANY(%({buckets})s) AND s.project_id = ANY(%({projects})s){only}"
    )


def _is_cut(begin: datetime, until: datetime, ordered: Sequence[datetime]) -> bool:
    place = bisect_right(ordered, begin)
    return place < len(ordered) and ordered[place] < until
