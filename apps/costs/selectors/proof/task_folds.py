"""The folds of tasks against the tasks that say they are in them, and what was taken back: every row, exactly."""

from datetime import datetime
from decimal import Decimal

from django.db import connection

from apps.costs.domain.slices import SLICES
from apps.costs.selectors.metrics.snapshot import one_snapshot
from apps.costs.selectors.pace import unhurried
from apps.costs.selectors.proof.differences import Difference
from apps.costs.selectors.task_sums import NUMERIC, TASK_SUMS, by_slices, in_cells, named

Fold = tuple[datetime, datetime]


def task_fold_differences(fold: Fold) -> list[Difference]:
    """Every difference of the fold of a day [begins, ends), in one snapshot; none when it is no longer folded."""
    with one_snapshot(), connection.cursor() as cursor:
        unhurried(cursor)
        cursor.execute("SELECT 1 FROM costs_taskfold WHERE bucket = %s AND ends_at = %s", [*fold])
        if not cursor.fetchone():
            return []
        cursor.execute(_DIFFERENCES, {"start": fold[0], "end": fold[1]})
        found = cursor.fetchall()
    return [
        Difference("TaskSlice", fold[0], _words(number, project, a, b), name, _plain(name, was), _plain(name, is_now))
        for number, project, a, b, *sums in found
        for name, was, is_now in zip(TASK_SUMS, sums, sums[len(TASK_SUMS) :], strict=False)
        if was != is_now
    ]


def task_folds_to_prove(at_most: int) -> list[Fold]:
    """Those never proven, newest first, then those proven longest ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_taskfold ORDER BY proven_at NULLS FIRST, bucket DESC LIMIT %s", [at_most]
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def task_folds_between(start: datetime, end: datetime) -> list[Fold]:
    """The folds that lie in [start, end), in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_taskfold WHERE bucket >= %s AND ends_at <= %s ORDER BY bucket",
            [start, end],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def _words(number: int, project: int, a: int, b: int) -> str:
    (one,) = [one for one in SLICES if one.number == number]
    named_ids = zip(("project_id", *one.dimensions), (project, a, b), strict=False)
    return f"slice {number}, " + ", ".join(f"{name} {value}" for name, value in named_ids)


def _plain(name: str, value: Decimal | int) -> str:
    text = f"{value:f}" if name in NUMERIC else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _sums(alias: str) -> str:
    return ", ".join(f"coalesce({alias}.{name}, 0)" for name in TASK_SUMS)


_COUNTED = f"""
    SELECT t.cell_id, {named("t")} FROM costs_tasktotal t
    WHERE t.is_folded AND t.first_at >= %(start)s AND t.first_at < %(end)s
    UNION ALL SELECT b.cell_id, {", ".join(f"b.{name}" for name in TASK_SUMS)} FROM costs_tasktakenback b
    WHERE b.bucket >= %(start)s AND b.bucket < %(end)s
"""  # noqa: S608
_DIFFERENCES = f"""
    WITH moved AS MATERIALIZED ({in_cells(_COUNTED)})
    SELECT slice, project_id, a_id, b_id, {_sums("kept")}, {_sums("counted")}
    FROM (SELECT * FROM costs_taskslice WHERE bucket = %(start)s) kept
    FULL JOIN ({by_slices("moved")}) counted USING (slice, project_id, a_id, b_id)
    WHERE ({_sums("kept")}) IS DISTINCT FROM ({_sums("counted")}) ORDER BY 1, 2, 3, 4
"""  # noqa: S608
