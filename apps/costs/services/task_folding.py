"""Tasks that rest are added up by the day they began, so that long ranges need not read a million of them.

Unlike usage, a task changes: it goes on, is judged, is priced anew, days or weeks after it began. So each task says of
itself whether it is in the fold of its day (`is_folded`), and the two sides of that move in one transaction:

- The sweep takes tasks that nobody heard of for an hour, marks them and adds them to the slices of their day. It skips
  those that somebody holds, and so never waits for ingest.
- Whoever changes or deletes a folded task, by whatever statement, fires a trigger: what the task had counted is written
  to costs_tasktakenback, and the task is marked as not folded. Nobody waits there either, since rows are only added.
- A reader takes the slices, takes off what was taken back, and adds the tasks that are not folded. The next sweep takes
  what was taken back off the slices themselves.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.costs.domain.calendars import day_of, day_start
from apps.costs.domain.formats import some
from apps.costs.selectors.backlog import FOLD_AFTER
from apps.costs.selectors.horizon import DAY
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.proof import Difference
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.task_sums import TASK_SUMS, by_slices, in_cells, named, negative
from apps.costs.services.locks import repair_alone
from apps.costs.services.proving import keep

QUIET = timedelta(hours=1)
"""A task that nobody heard of for so long is taken to rest."""
Span = tuple[datetime, datetime]


@dataclass(slots=True)
class TaskFoldRun:
    """What one run did."""

    days: int = 0
    removed: int = 0
    left: bool = False

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        removed = f", {self.removed} of another zone removed" if self.removed else ""
        return f"tasks of {some(self.days, 'day')} folded{removed}{', more are left' if self.left else ''}"


def fold_tasks(*, now: datetime, seconds: float | None = None) -> TaskFoldRun:
    """Fold tasks of closed days that rest, newest day first, in so many seconds (`SWEEP_SECONDS`). Safe to repeat."""
    run, zone = TaskFoldRun(), reporting_zone()
    deadline = time.monotonic() + (settings.SWEEP_SECONDS if seconds is None else seconds)
    if others := _of_other_zones(zone, settings.FOLD_DAYS_PER_RUN):
        # Days of two zones overlap: the old ones go before the first new one comes.
        _unfold(others)
        run.removed, run.left = len(others), True
        return run
    quiet_since = now - QUIET
    for span in _waiting(day_start(day_of(now - FOLD_AFTER, zone), zone), quiet_since, zone):
        if time.monotonic() > deadline:
            run.left = True
            break
        fold_tasks_of(span, zone, quiet_since=quiet_since)
        run.days += 1
    return run


def _waiting(before: datetime, quiet_since: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """The days of which something was taken back, then those with resting tasks that are not folded, newest first."""
    yield from _taken_back()
    while (moment := _newest_resting(before, quiet_since)) is not None:
        day = day_of(moment, zone)
        before = day_start(day, zone)
        yield before, day_start(day + DAY, zone)


def fold_tasks_of(span: Span, zone: ZoneInfo, *, quiet_since: datetime) -> None:
    """Add the resting tasks of one day [begins, ends) to its slices, and take off what was taken back."""
    parameters: dict[str, Any] = {"start": span[0], "end": span[1], "zone": zone.key, "quiet": quiet_since}
    with background_transaction() as cursor:
        repair_alone(cursor)
        cursor.execute(
            "INSERT INTO costs_taskfold (bucket, zone, ends_at) VALUES (%(start)s, %(zone)s, %(end)s)"
            " ON CONFLICT DO NOTHING",
            parameters,
        )
        for statement in (_FOLD, _DROP_EMPTY, _DROP_FOLD):
            cursor.execute(statement, parameters)


def reopen_task_fold(span: Span, found: Sequence[Difference], *, now: datetime) -> None:
    """A fold that does not equal its tasks is taken back; they are folded again."""
    _unfold([span])
    keep(found, now=now, repaired_at=now)


def _newest_resting(before: datetime, quiet_since: datetime) -> datetime | None:
    """When the newest resting task that is not folded began."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT first_at FROM costs_tasktotal WHERE NOT is_folded AND first_at < %s AND last_at < %s"
            " ORDER BY first_at DESC LIMIT 1",
            [before, quiet_since],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _taken_back() -> list[Span]:
    """The folded days of which something was taken back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_taskfold f WHERE EXISTS (SELECT FROM costs_tasktakenback b"
            " WHERE b.bucket >= f.bucket AND b.bucket < f.ends_at) ORDER BY bucket"
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def _of_other_zones(zone: ZoneInfo, at_most: int) -> list[Span]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_taskfold WHERE zone <> %s ORDER BY bucket LIMIT %s", [zone.key, at_most]
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def _unfold(spans: Sequence[Span]) -> None:
    for start, end in spans:
        with background_transaction() as cursor:
            repair_alone(cursor)
            _unfold_one(cursor, {"start": start, "end": end})


def _unfold_one(cursor: CursorWrapper, parameters: dict[str, datetime]) -> None:
    """The tasks are held first, in the order in which ingest takes them: then no more of them are taken back."""
    of_day = "is_folded AND first_at >= %(start)s AND first_at < %(end)s"
    for statement in (
        f'SELECT 1 FROM costs_tasktotal WHERE {of_day} ORDER BY project_id, task_id COLLATE "C" FOR UPDATE',
        f"UPDATE costs_tasktotal SET is_folded = false WHERE {of_day}",
        "DELETE FROM costs_tasktakenback WHERE bucket >= %(start)s AND bucket < %(end)s",
        "DELETE FROM costs_taskslice WHERE bucket = %(start)s",
        "DELETE FROM costs_taskfold WHERE bucket = %(start)s",
    ):
        cursor.execute(statement, parameters)


_SUMS = ", ".join(TASK_SUMS)
_FOLD = f"""
    WITH taken AS (
        UPDATE costs_tasktotal t SET is_folded = true WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM costs_tasktotal WHERE NOT is_folded AND first_at >= %(start)s AND first_at < %(end)s
                AND last_at < %(quiet)s FOR UPDATE SKIP LOCKED
        )) RETURNING t.cell_id, {named("t")}
    ), back AS (
        DELETE FROM costs_tasktakenback b WHERE bucket >= %(start)s AND bucket < %(end)s
        RETURNING b.cell_id, {negative("b")}
    ), moved AS MATERIALIZED ({in_cells("SELECT * FROM taken UNION ALL SELECT * FROM back")})
    INSERT INTO costs_taskslice AS s (bucket, slice, project_id, a_id, b_id, {_SUMS})
    SELECT %(start)s, added.* FROM ({by_slices("moved")}) added
    ON CONFLICT (slice, bucket, project_id, a_id, b_id) DO UPDATE
    SET {", ".join(f"{name} = s.{name} + excluded.{name}" for name in TASK_SUMS)}
"""  # noqa: S608
_DROP_EMPTY = "DELETE FROM costs_taskslice WHERE bucket = %(start)s AND tasks = 0"
_DROP_FOLD = """
    DELETE FROM costs_taskfold f WHERE f.bucket = %(start)s
        AND NOT EXISTS (SELECT FROM costs_taskslice s WHERE s.bucket = f.bucket)
"""
