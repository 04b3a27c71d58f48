"""Closed days of the reporting zone become folds: the cube by day and its slices, equal to the quarters they sum.

A fold and a late record of its day exclude each other, yet late records wait for milliseconds only:

1. The fold adds the day up and writes its rows. Nobody reads them: readers ask DayFold first.
2. It takes the lock of folds alone. Every transaction with late records holds that lock shared until its commit, so
   now none is open, and none gets further before the fold is committed.
3. It looks again whether the day's quarters hold as many calls and tool executions as it added up. Every record adds
   to those, so a record that came in between is noticed, and the fold is undone until the day is quiet.
4. It writes the DayFold row and commits. The next late record of the day deletes that row, in its own transaction.

Younger records take no lock: a day is folded two hours after its end, an hour of the running day one hour after its
end, and what is older than 30 minutes is late. The fold of a day replaces those of its hours.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from apps.costs.domain.calendars import day_start
from apps.costs.domain.formats import some
from apps.costs.domain.kinds import NarrowKind
from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.domain.slices import (
    EVERY,
    EVERY_SLICES,
    HOUR_SLICES,
    HOUR_TOTALS,
    HOURS,
    NARROW_ALONE,
    NARROW_SLICES,
    SLICES,
    Slice,
)
from apps.costs.selectors.backlog import folds_of_other_zones, unfolded_days, unfolded_hours
from apps.costs.selectors.horizon import DAY
from apps.costs.selectors.metrics.cutting import gaps
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.summing import MEASURES, summed, total
from apps.costs.services import partitions
from apps.costs.services.locks import fold_alone, repair_alone

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FoldRun:
    """What one run did: the days it folded, how many are left, the hours, and folds of another zone it removed."""

    folded: int
    left: int
    removed: int
    hours: int = 0

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        removed = f", {self.removed} of another zone removed" if self.removed else ""
        folded = f"{some(self.folded, 'day')} and {some(self.hours, 'hour')} folded"
        return f"{folded}, {some(self.left, 'day')} left{removed}"


def fold_closed_days(*, now: datetime, at_most: int | None = None, seconds: float | None = None) -> FoldRun:
    """Fold closed days that have no fold, newest first, at most so many days and seconds a run; safe to run twice.

    The closed hours of the running day come first: they are few and read most.
    """
    zone = reporting_zone()
    removed = _remove_other_zones()
    deadline = time.monotonic() + (settings.SWEEP_SECONDS if seconds is None else seconds)
    hours = _fold_each(unfolded_hours(now), fold_hour, deadline)
    missing = unfolded_days(now)
    folded = _fold_each(missing[: at_most or settings.FOLD_DAYS_PER_RUN], lambda day: fold_day(day, zone), deadline)
    return FoldRun(folded, max(0, len(missing) - folded), removed, hours)


def _fold_each(missing: Sequence[T], fold: Callable[[T], bool], deadline: float) -> int:
    folded = 0
    for one in missing:
        if time.monotonic() > deadline:
            break
        try:
            folded += fold(one)
        except OperationalError:
            # One that is locked must not keep the others from being folded; it is left for the next run.
            logger.exception("%s could not be folded", one)
    return folded


def fold_day(day: date, zone: ZoneInfo) -> bool:
    """Fold one closed day in one transaction. False when it is folded already, or late records came in meanwhile.

    Raises OperationalError when a lock is not free within two seconds: the next run tries again.
    """
    start, end = day_start(day, zone), day_start(day + DAY, zone)
    partitions.ensure_month_of("costs_usageday", partitions.month_of(start))
    steps = (_CUBE, *_SLICES, _EVERY, _HOURS_OF_DAY, _NARROW, _NARROW_ALONE)
    return _fold(zone.key, start, end, steps, "costs_usageday WHERE bucket = %(start)s")


def fold_hour(span: tuple[datetime, datetime]) -> bool:
    """Fold one closed hour [begins, ends) of a day that is not folded yet, as `fold_day` does."""
    return _fold(HOURS, *span, (_HOUR,), f"costs_dayslice WHERE slice = {HOUR_TOTALS.number} AND bucket = %(start)s")


def _fold(zone: str, start: datetime, end: datetime, statements: Sequence[str], sums: str) -> bool:
    try:
        with background_transaction() as cursor:
            repair_alone(cursor)
            beside = _touching(cursor, start, end)
            if any(one.start <= start and one.end >= end for one in beside):
                return False
            _clear_days(cursor, [start])
            _clear_hours(cursor, start, end)
            for statement in statements:
                cursor.execute(statement, {"start": start, "end": end})
            fold_alone(cursor)
            _check_unchanged(cursor, start, end, sums)
            _give_way(cursor, [one for one in beside if one.zone != reporting_zone().key], start, end)
            cursor.execute(
                "INSERT INTO costs_dayfold (zone, bucket, ends_at, folded_at) VALUES (%s, %s, %s, now())",
                [zone, start, end],
            )
    except _Changed:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row of DayFold."""

    zone: str
    start: datetime
    end: datetime


def _touching(cursor: CursorWrapper, start: datetime, end: datetime) -> list[_Standing]:
    """The folds that have any time in common with a span, in the order in which late records lock them."""
    cursor.execute(
        "SELECT zone, bucket, ends_at FROM costs_dayfold WHERE bucket < %s AND ends_at > %s ORDER BY zone, bucket",
        [end, start],
    )
    return [_Standing(*row) for row in cursor.fetchall()]


def _give_way(cursor: CursorWrapper, going: Sequence[_Standing], start: datetime, end: datetime) -> None:
    """Hours, and folds of another zone, end where a fold [start, end) takes a part of their time: rows are no zone's.

    Not before `fold_alone`: a late record holds that lock when it asks for these rows.
    """
    cursor.execute(
        "DELETE FROM costs_dayfold WHERE (zone, bucket) IN (SELECT * FROM unnest(%s::text[], %s::timestamptz[]))",
        [[one.zone for one in going], [one.start for one in going]],
    )
    outside = [one.start for one in going if not start <= one.start < end]
    _clear_days(cursor, [one.start for one in going if one.zone != HOURS and one.start != start])
    cursor.execute("DELETE FROM costs_dayslice WHERE slice = ANY(%s) AND bucket = ANY(%s)", [_HOUR_NUMBERS, outside])


class _Changed(Exception):
    """Late records came in while the span was added up."""


def _check_unchanged(cursor: CursorWrapper, start: datetime, end: datetime, sums: str) -> None:
    cursor.execute(
        f"""
        SELECT (SELECT bursar_total(calls + tool_executions) FROM costs_usagequarter
                WHERE bucket >= %(start)s AND bucket < %(end)s),
               (SELECT bursar_total(calls + tool_executions) FROM {sums})
        """,
        {"start": start, "end": end},
    )
    now, then = cursor.fetchone()
    if now != then:
        raise _Changed


def _remove_other_zones() -> int:
    """Folds of a zone that is no longer the reporting zone go, in bounded steps.

    Their sums by hour go with them, but where a fold of the reporting zone stands by now.
    """
    spans = folds_of_other_zones(settings.FOLD_DAYS_PER_RUN)
    if spans:
        with background_transaction() as cursor:
            repair_alone(cursor)
            fold_alone(cursor)
            cursor.execute(
                "DELETE FROM costs_dayfold WHERE bucket = ANY(%s) AND zone <> ALL(%s)",
                [[start for start, _ in spans], [reporting_zone().key, HOURS]],
            )
            _clear_days(cursor, [start for start, _ in spans])
            for start, end in spans:
                standing = sorted((one.start, one.end) for one in _touching(cursor, start, end))
                for begin, until in gaps(start, end, standing):
                    _clear_hours(cursor, begin, until)
    return len(spans)


def _clear_days(cursor: CursorWrapper, starts: Sequence[datetime]) -> None:
    cursor.execute("DELETE FROM costs_usageday WHERE bucket = ANY(%s)", [list(starts)])
    slices = [*(one.number for one in SLICES), *NARROW_SLICES.values(), *NARROW_ALONE.values()]
    cursor.execute("DELETE FROM costs_dayslice WHERE slice = ANY(%s) AND bucket = ANY(%s)", [slices, list(starts)])


def _clear_hours(cursor: CursorWrapper, start: datetime, end: datetime) -> None:
    for number in _HOUR_NUMBERS:
        cursor.execute(
            "DELETE FROM costs_dayslice WHERE slice = %s AND bucket >= %s AND bucket < %s", [number, start, end]
        )


_HOUR_NUMBERS = [one.number for one in HOUR_SLICES]
_CUBE = f"""
    WITH quarters AS MATERIALIZED (
        SELECT cell_id, {MEASURES} FROM costs_usagequarter WHERE bucket >= %(start)s AND bucket < %(end)s
    )
    INSERT INTO costs_usageday (bucket, cell_id, {MEASURES})
    SELECT %(start)s, summed.* FROM ({summed("quarters", "cell_id")}) summed ORDER BY cell_id
"""  # noqa: S608


def _slices(into: Collection[Slice], rows: str) -> str:
    """SQL that adds `rows`, which have every dimension a slice keeps by its name, up into these slices."""
    parts = []
    for one in into:
        keys = ", ".join(("project_id", *one.dimensions))
        a, b = (*one.dimensions, "0", "0")[:2]
        parts.append(f"SELECT {one.number}, project_id, {a}, {b}, {MEASURES} FROM ({summed('kept', keys)}) s")
    return f"""
        WITH kept AS MATERIALIZED ({rows})
        INSERT INTO costs_dayslice (bucket, slice, project_id, a_id, b_id, {MEASURES})
        SELECT %(start)s, * FROM ({" UNION ALL ".join(parts)}) summed
    """  # noqa: S608


def _of_cube(*dimensions: str) -> str:
    return f"""
        SELECT {", ".join(f"c.{name}" for name in ("project_id", *dimensions))}, {MEASURES}
        FROM costs_usageday d JOIN costs_cell c ON c.id = d.cell_id WHERE d.bucket = %(start)s"""


def _of_quarters(*columns: str) -> str:
    return f"""
        SELECT {", ".join(("c.project_id", *columns))}, {MEASURES}
        FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id
        WHERE q.bucket >= %(start)s AND q.bucket < %(end)s"""


def _of_slice(one: Slice) -> str:
    names = ", ".join(f"{column} AS {name}" for column, name in zip(("a_id", "b_id"), one.dimensions, strict=False))
    return (
        f"SELECT project_id, {names}, {MEASURES} FROM costs_dayslice WHERE slice = {one.number} AND bucket = %(start)s"
    )


_ALL_DIMENSIONS = ("model_id", "task_type_id", "agent_id", "tier_id", "role_id", "status")
# In order: the slices of two dimensions from the cube, and each smaller one from the smallest that holds it.
_SLICES = (
    _slices(SLICES[4:], _of_cube(*_ALL_DIMENSIONS)),
    _slices(SLICES[1:3], _of_slice(SLICES[7])),
    _slices(SLICES[3:4], _of_slice(SLICES[8])),
    _slices(SLICES[:1], _of_slice(SLICES[6])),
)
_EVERY = f"""
    WITH kept AS MATERIALIZED (
        SELECT slice, a_id, b_id, {MEASURES}
        FROM costs_dayslice s JOIN access_project p ON p.id = s.project_id AND NOT p.is_demo
        WHERE bucket = %(start)s AND slice IN ({", ".join(str(one.number) for one in EVERY_SLICES)})
    )
    INSERT INTO costs_dayslice (bucket, project_id, slice, a_id, b_id, {MEASURES})
    SELECT %(start)s, {EVERY}, summed.* FROM ({summed("kept", "slice, a_id, b_id")}) summed
"""  # noqa: S608
_HOUR = _slices(HOUR_SLICES, _of_quarters(*(f"c.{name}" for name in _ALL_DIMENSIONS)))
_HOURS_OF_DAY = f"""
    WITH kept AS MATERIALIZED ({_of_quarters("date_bin('1 hour', q.bucket, %(start)s) AS hour")})
    INSERT INTO costs_dayslice (slice, a_id, b_id, bucket, project_id, {MEASURES})
    SELECT {HOUR_TOTALS.number}, 0, 0, summed.* FROM ({summed("kept", "hour, project_id")}) summed
"""  # noqa: S608
_NARROW = f"""
    INSERT INTO costs_dayslice (slice, bucket, project_id, a_id, b_id, {MEASURES})
    SELECT n.kind + {NARROW_SLICES[NarrowKind.USER] - NarrowKind.USER}, %(start)s, n.project_id, n.value_id, n.model_id,
        {", ".join(total(f"n.{name}", name) if name in NARROW_SUMS else "0" for name in SUMS)}, '{{}}', '{{}}'
    FROM costs_usagequarterby n
    WHERE n.bucket >= %(start)s AND n.bucket < %(end)s AND n.kind IN ({", ".join(map(str, map(int, NARROW_SLICES)))})
    GROUP BY n.kind, n.project_id, n.value_id, n.model_id
"""  # noqa: S608
_NARROW_ALONE = f"""
    INSERT INTO costs_dayslice (slice, bucket, project_id, a_id, b_id, {MEASURES})
    SELECT slice + {NARROW_ALONE[NarrowKind.USER] - NARROW_SLICES[NarrowKind.USER]}, %(start)s, project_id, a_id, 0,
        {", ".join(total(name, name) for name in SUMS)}, '{{}}', '{{}}'
    FROM costs_dayslice WHERE bucket = %(start)s AND slice IN ({", ".join(map(str, NARROW_SLICES.values()))})
    GROUP BY slice, project_id, a_id
"""  # noqa: S608
