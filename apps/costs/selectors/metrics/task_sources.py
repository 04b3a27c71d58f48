"""Which rows answer a question about tasks: slices of folded days where they fit, and tasks by themselves.

A day that is folded, lies wholly inside the range and inside one bucket is read from its slices, less what was taken
back of it, and with those of its tasks that are not folded (services/task_folding.py). Any other time is read task by
task, and so is a question by more dimensions than a slice keeps.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from apps.costs.domain.slices import Slice, slice_for
from apps.costs.selectors.metrics.cutting import Range, gaps, joined
from apps.costs.selectors.metrics.filters import Conditions
from apps.costs.selectors.metrics.snapshot import once
from apps.costs.selectors.metrics.sources import Source
from apps.costs.selectors.task_sums import TASK_SUMS, named, negative

_OF_TASK = "t.first_at >= %({0})s AND t.first_at < %({1})s"


def tasks(
    start: datetime, end: datetime, columns: Mapping[str, str], limits: Conditions, edges: Sequence[datetime]
) -> Source:
    """The tasks that began in [start, end) as rows: bucket, these columns of cells under their aliases, the sums."""
    kept = slice_for({*columns.values(), *limits.columns})
    folds = _folds(start, end, edges) if kept else []
    where, parameters = limits.where("c")
    cells = "".join(f", c.{column} AS {alias}" for alias, column in columns.items())
    read = (
        f"SELECT t.first_at AS bucket{cells}, {named('t')} FROM costs_tasktotal t JOIN costs_cell c ON c.id = t.cell_id"
    )
    parts = []
    if kept and folds:
        parameters["days"] = [fold[0] for fold in folds]
        parts.append(_slices(kept, columns, limits))
    spans = joined(folds)
    for number, (begin, until) in enumerate(spans):
        names = (f"folded_from{number}", f"folded_until{number}")
        parameters |= dict(zip(names, (begin, until), strict=True))
        parts.append(f"{read} WHERE NOT t.is_folded AND {_OF_TASK.format(*names)} AND {where}")
        parts.append(
            f"SELECT b.bucket{cells}, {negative('b')} FROM costs_tasktakenback b JOIN costs_cell c ON c.id = b.cell_id"
            f" WHERE b.bucket >= %({names[0]})s AND b.bucket < %({names[1]})s AND {where}"
        )
    for number, (begin, until) in enumerate(gaps(start, end, spans)):
        names = (f"began_from{number}", f"began_until{number}")
        parameters |= dict(zip(names, (begin, until), strict=True))
        parts.append(f"{read} WHERE {_OF_TASK.format(*names)} AND {where}")
    return Source(" UNION ALL ".join(parts) or f"{read} WHERE false", parameters)


def _slices(kept: Slice, columns: Mapping[str, str], limits: Conditions) -> str:
    stored = {"project_id": "project_id", **dict(zip(kept.dimensions, ("a_id", "b_id"), strict=False))}
    chosen = "".join(f", s.{stored[column]} AS {alias}" for alias, column in columns.items())
    only = "".join(f" AND s.{stored[column]} = ANY(%(only_{column})s)" for column in limits.ids)
    return (
        f"SELECT s.bucket{chosen}, {', '.join(f's.{name}' for name in TASK_SUMS)} FROM costs_taskslice s"
        f" WHERE s.slice = {kept.number} AND s.bucket = ANY(%(days)s) AND s.project_id = ANY(%(projects)s){only}"
    )


def _folds(start: datetime, end: datetime, edges: Sequence[datetime]) -> list[Range]:
    """The folded days inside the range that none of the edges cuts, in order."""
    found = once(("task folds", start, end), lambda: _read_folds(start, end))
    ordered = sorted(edges)
    return [fold for fold in found if not _is_cut(fold, ordered)]


def _is_cut(fold: Range, ordered: Sequence[datetime]) -> bool:
    place = bisect_right(ordered, fold[0])
    return place < len(ordered) and ordered[place] < fold[1]


def _read_folds(start: datetime, end: datetime) -> list[Range]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_taskfold WHERE bucket >= %s AND ends_at <= %s ORDER BY bucket",
            [start, end],
        )
        found: list[Any] = cursor.fetchall()
    return [(bucket, ends_at) for bucket, ends_at in found]
