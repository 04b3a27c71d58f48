"""Which rows answer a question: folded days where they fit, then folded hours, and quarter-hours for the rest.

A day of the reporting zone that is folded (DayFold) and lies wholly inside the range, and inside one bucket, is read
from its fold; so is an hour, if its few slices answer the question; everything else from the quarter-hours, or from the
records where no whole quarter-hour fits (see cutting.py). All hold the same sums.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.costs.domain.slices import EVERY_SLICES, HOUR_TOTALS, HOURS, Slice, hour_slice, slice_for
from apps.costs.domain.wasting import SPENT_SUMS
from apps.costs.selectors import recount
from apps.costs.selectors.horizon import HOUR
from apps.costs.selectors.metrics.cutting import Range, gaps, pieces
from apps.costs.selectors.metrics.filters import Conditions
from apps.costs.selectors.metrics.snapshot import once
from apps.costs.selectors.metrics.waste_hours import hours_of, waste_folds
from apps.costs.selectors.reporting import reporting_zone

FEW_CELLS = 2_000


@dataclass(frozen=True, slots=True)
class Source:
    """A relation of rollup rows as SQL, with its parameters: bucket, the columns asked for, and the measures."""

    sql: str
    parameters: dict[str, Any]
    few: str = ""
    """Of `sql` the part that reads slices, whose rows are few."""
    many: str = ""
    """The rest of it."""


def cube(
    start: datetime,
    end: datetime,
    columns: Collection[str],
    conditions: Conditions,
    edges: Sequence[datetime],
    measures: Sequence[str],
) -> Source:
    """The rows of [start, end) with these cell columns, cut so that none crosses one of the edges."""
    cut = pieces(start, end, edges)
    folds = folds_within(cut.whole, edges)
    rest = left(cut.whole, folds)
    by_hour = hour_slice(slice_for({*columns, *conditions.columns}))
    hours = _hours_within(rest, edges, of_days=by_hour is HOUR_TOTALS) if by_hour else []
    rest = left(rest, hours)
    spent = _spent_within(rest, edges) if by_hour and set(measures) <= set(SPENT_SUMS) else []
    rest = left(rest, spent)
    where, parameters = conditions.where("c")
    cells = few_cells(conditions)
    parameters["cells"] = cells
    names = ["project_id", *sorted(set(columns) - {"project_id"})]
    few: list[str] = []
    many: list[str] = []
    if folds:
        parameters["days"] = [day[0] for day in folds]
        parameters["every"] = list(conditions.every or ())
        is_every = conditions.every is not None and "project_id" not in columns
        is_sliced = slice_for({*names, *conditions.columns}) is not None
        (few if is_sliced else many).append(_days(names, conditions, measures, cells, is_every=is_every))
    if hours and by_hour:
        parameters["hours"] = [hour[0] for hour in hours]
        few.append(_slice(by_hour, "hours", names, conditions, measures))
    if spent and by_hour:
        parameters["spent_hours"] = [hour[0] for hour in spent]
        few.append(_slice(by_hour, "spent_hours", names, conditions, measures, table="costs_wasteslice"))
    for number, (begin, until) in enumerate(rest):
        parameters |= {f"from{number}": begin, f"until{number}": until}
        many.append(
            f"SELECT q.bucket, {_listed('c', names)}, {_listed('q', measures)}"
            f" FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id"
            f" WHERE q.bucket >= %(from{number})s AND q.bucket < %(until{number})s AND {where}{_only(cells, 'q')}"
        )
    parameters |= recount.parameters() if cut.loose else {}
    for number, (begin, until) in enumerate(cut.loose):
        parameters |= {f"after{number}": begin, f"before{number}": until}
        many.append(
            f"SELECT r.occurred_at AS bucket, {_listed('c', names)}, {_recounted(measures)}"
            " FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id"
            f" WHERE r.occurred_at >= %(after{number})s AND r.occurred_at < %(before{number})s AND {where}"
        )
    whole = " UNION ALL ".join((*few, *many)) or _nothing(names, measures)
    return Source(whole, parameters, " UNION ALL ".join(few), " UNION ALL ".join(many))


def few_cells(conditions: Conditions) -> list[int]:
    """The cells that conditions leave, where they are few: of these alone the rows are looked up. Else none.

    Left to a join, the database would read the rows of all cells: it cannot know how few will match.
    """
    if not conditions.ids and conditions.every is not None:
        return []
    key = ("cells", conditions.projects, *sorted(conditions.ids.items()))
    return once(key, lambda: _read_cells(conditions))


def _read_cells(conditions: Conditions) -> list[int]:
    where, parameters = conditions.where("c")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c.id FROM costs_cell c WHERE {where} LIMIT {FEW_CELLS + 1}", parameters)
        found = [row[0] for row in cursor.fetchall()]
    return found if len(found) <= FEW_CELLS else []


def _only(cells: Sequence[int], alias: str) -> str:
    return f" AND {alias}.cell_id = ANY(%(cells)s)" if cells else ""


def _days(
    names: Sequence[str],
    conditions: Conditions,
    measures: Sequence[str],
    cells: Sequence[int],
    *,
    is_every: bool,
) -> str:
    """The folded days. With `is_every` the projects need not be told apart, and none that is no demo is left out."""
    kept = slice_for({*names, *conditions.columns})
    if kept is None:
        where, _ = conditions.where("c")
        return (
            f"SELECT d.bucket, {_listed('c', names)}, {_listed('d', measures)}"
            " FROM costs_usageday d JOIN costs_cell c ON c.id = d.cell_id"
            f" WHERE d.bucket = ANY(%(days)s) AND {where}{_only(cells, 'd')}"
        )
    projects = "every" if is_every and kept in EVERY_SLICES else "projects"
    return _slice(kept, "days", names, conditions, measures, projects)


def _slice(
    kept: Slice,
    buckets: str,
    names: Sequence[str],
    conditions: Conditions,
    measures: Sequence[str],
    projects: str = "projects",
    table: str = "costs_dayslice",
) -> str:
    stored = {"project_id": "project_id", **dict(zip(kept.dimensions, ("a_id", "b_id"), strict=False))}
    chosen = ", ".join(f"s.{stored[name]} AS {name}" for name in names)
    only = "".join(f" AND s.{stored[column]} = ANY(%(only_{column})s)" for column in conditions.ids)
    return (
        f"SELECT s.bucket, {chosen}, {_listed('s', measures)} FROM {table} s"
        f" WHERE s.slice = {kept.number} AND s.bucket = ANY(%({buckets})s) AND s.project_id = ANY(%({projects})s){only}"
    )


def left(spans: Sequence[Range], taken: Sequence[Range]) -> list[Range]:
    """What of the spans the taken ranges, each inside one of them, leave uncovered."""
    return [gap for span in spans for gap in gaps(*span, [one for one in taken if span[0] <= one[0] < span[1]])]


def _listed(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _recounted(measures: Sequence[str]) -> str:
    return ", ".join(f"{recount.MEASURES[name]} AS {name}" for name in measures)


def _nothing(names: Sequence[str], measures: Sequence[str]) -> str:
    rows = "costs_usagequarter q, costs_cell c WHERE false"
    return f"SELECT q.bucket, {_listed('c', names)}, {_listed('q', measures)} FROM {rows}"


def folds_within(spans: Sequence[Range], edges: Sequence[datetime]) -> list[Range]:
    """The folded days that lie inside one of the spans and across none of the edges."""
    found = once(("folds", *spans), lambda: _read_folds(spans)) if spans else []
    ordered = sorted(edges)
    return [day for day in found if not _is_cut(day, ordered)]


def _is_cut(span: Range, ordered: Sequence[datetime]) -> bool:
    """Whether one of the edges, in order, lies inside a span."""
    place = bisect_right(ordered, span[0])
    return place < len(ordered) and ordered[place] < span[1]


def _read_folds(spans: Sequence[Range]) -> list[Range]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_dayfold f"
            " WHERE zone = %s AND EXISTS ("
            "SELECT FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS span(begins, ends)"
            " WHERE f.bucket >= span.begins AND f.ends_at <= span.ends) ORDER BY bucket",
            [reporting_zone().key, [begin for begin, _ in spans], [until for _, until in spans]],
        )
        found: list[Range] = cursor.fetchall()
        return found


def _hours_within(spans: Sequence[Range], edges: Sequence[datetime], *, of_days: bool) -> list[Range]:
    """The folded hours that lie inside one of the spans and across none of the edges, in order.

    With `of_days` also those of folded days, which have the sums of projects alone.
    """
    known = once(("hours", *spans), lambda: _read_hours(spans)) if spans else []
    hours = [hour for hour, is_of_day in known if of_days or not is_of_day]
    ordered = sorted(edges)
    return [
        hour
        for hour in hours
        if any(begin <= hour[0] and hour[1] <= end for begin, end in spans) and not _is_cut(hour, ordered)
    ]


def _spent_within(spans: Sequence[Range], edges: Sequence[datetime]) -> list[Range]:
    """The hours inside one of the spans and across none of the edges of which what calls cost is kept, in order."""
    if not spans:
        return []
    start, end = spans[0][0], spans[-1][1]
    known = once(("waste hours", start, end), lambda: hours_of(waste_folds(start, end)))
    ordered = sorted(edges)
    return [
        hour
        for hour in known
        if any(begin <= hour[0] and hour[1] <= until for begin, until in spans) and not _is_cut(hour, ordered)
    ]


def _read_hours(spans: Sequence[Range]) -> list[tuple[Range, bool]]:
    """The folded hours that touch one of the spans, in order, each with whether it belongs to a folded day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT zone <> %(hours)s, bucket, ends_at FROM costs_dayfold f"
            " WHERE zone IN (%(hours)s, %(zone)s) AND EXISTS ("
            "SELECT FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS span(begins, ends)"
            " WHERE f.bucket < span.ends AND f.ends_at > span.begins) ORDER BY bucket",
            {
                "hours": HOURS,
                "zone": reporting_zone().key,
                "begins": [begin for begin, _ in spans],
                "ends": [until for _, until in spans],
            },
        )
        return [
            ((start + HOUR * number, min(start + HOUR * (number + 1), end)), is_day)
            for is_day, start, end in cursor.fetchall()
            for number in range(-(-(end - start) // HOUR))
        ]
