"""Quarters older than QUARTERS_KEPT_DAYS become hours: four rows and fewer, with the same sums.

Readers must know which rows may be hours before any is, so the work has two steps, at least a minute apart:
`hours_until` in BooksState is moved on, and only then are the rows before it merged, one hour a transaction.
Quarters stay where the reporting zone's days begin inside an hour; a quarter that a late record adds to a merged
hour is counted like any other row of that hour, and merged by the next run.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.costs.domain.formats import some
from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.selectors.backlog import first_rollup, hours_to_merge
from apps.costs.selectors.horizon import DAY, HOUR, horizon
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.summing import MEASURES, summed, totals
from apps.costs.services.locks import fold_alone, repair_alone

ANNOUNCED_SECONDS = 60
MAX_HOURS = 10_000


@dataclass(frozen=True, slots=True)
class HoursRun:
    """What one run did: hours merged, hours left."""

    merged: int
    left: int

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        return f"{some(self.merged, 'hour')} merged, {self.left} left"


def merge_old_quarters(*, now: datetime, seconds: float | None = None) -> HoursRun:
    """Merge quarters into hours, oldest first, for so many seconds (`SWEEP_SECONDS` by default); safe to run twice."""
    if not _announced(now):
        return HoursRun(0, 0)
    waiting = hours_to_merge(MAX_HOURS)
    deadline = time.monotonic() + (settings.SWEEP_SECONDS if seconds is None else seconds)
    merged = 0
    for hour in waiting:
        if time.monotonic() > deadline:
            break
        with background_transaction() as cursor:
            repair_alone(cursor)
            fold_alone(cursor)
            merge_hour(cursor, hour)
        merged += 1
    return HoursRun(merged, len(waiting) - merged)


def merge_hour(cursor: CursorWrapper, hour: datetime) -> None:
    """Merge the rows of one hour. The caller holds both locks: nothing else changes rows of this hour."""
    parameters = {"hour": hour, "end": hour + HOUR}
    cursor.execute(_CUBE, parameters)
    cursor.execute(_NARROW, parameters)


def _announced(now: datetime) -> bool:
    """Move `hours_until` on if it is time. True when it stands for so long that every reader knows it."""
    until = _mergeable_until(now)
    with connection.cursor() as cursor:
        if until is not None:
            cursor.execute(
                "INSERT INTO costs_booksstate AS s (id, hours_until, hours_until_set_at, conversations_project_id,"
                " conversations_id) VALUES (1, %(until)s, now(), 0, '') ON CONFLICT (id) DO UPDATE"
                " SET hours_until = excluded.hours_until, hours_until_set_at = now()"
                " WHERE s.hours_until IS NULL OR s.hours_until < excluded.hours_until",
                {"until": until},
            )
        cursor.execute(
            "SELECT hours_until_set_at <= now() - make_interval(secs => %s) FROM costs_booksstate", [ANNOUNCED_SECONDS]
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def _mergeable_until(now: datetime) -> datetime | None:
    """How far UTC days are old enough and have only whole hours in the reporting zone; None: no further than now."""
    zone, first = reporting_zone(), first_rollup()
    oldest_kept = (now - DAY * settings.QUARTERS_KEPT_DAYS).astimezone(UTC)
    last = oldest_kept.replace(hour=0, minute=0, second=0, microsecond=0)
    if first is None:
        return None
    position = horizon().hours_until or first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    started = position
    while position < last and _is_on_whole_hours(position, zone):
        position += DAY
    return position if position > started else None


def _is_on_whole_hours(day: datetime, zone: ZoneInfo) -> bool:
    offsets = {(day + HOUR * hour).astimezone(zone).utcoffset() or timedelta() for hour in range(25)}
    return not any(offset % HOUR for offset in offsets)


_KEYS = "kind, value_id, project_id, model_id"
_CUBE = f"""
    WITH gone AS (
        DELETE FROM costs_usagequarter WHERE bucket > %(hour)s AND bucket < %(end)s
        RETURNING cell_id, last_received_at, {MEASURES}
    )
    INSERT INTO costs_usagequarter AS q (bucket, last_received_at, cell_id, {MEASURES})
    SELECT %(hour)s, received.last, summed.*
    FROM ({summed("gone", "cell_id")}) summed
    JOIN (SELECT cell_id, max(last_received_at) AS last FROM gone GROUP BY cell_id) received USING (cell_id)
    ORDER BY cell_id
    ON CONFLICT (cell_id, bucket) DO UPDATE SET {", ".join(f"{name} = q.{name} + excluded.{name}" for name in SUMS)},
        last_received_at = greatest(q.last_received_at, excluded.last_received_at),
        latency_bins = bursar_adjusted_bins(q.latency_bins, excluded.latency_bins),
        first_token_bins = bursar_adjusted_bins(q.first_token_bins, excluded.first_token_bins)
"""  # noqa: S608
_NARROW = f"""
    WITH gone AS (
        DELETE FROM costs_usagequarterby WHERE bucket > %(hour)s AND bucket < %(end)s
        RETURNING {_KEYS}, {", ".join(NARROW_SUMS)}
    )
    INSERT INTO costs_usagequarterby AS q (bucket, {_KEYS}, {", ".join(NARROW_SUMS)})
    SELECT %(hour)s, {_KEYS}, {totals(NARROW_SUMS)} FROM gone u GROUP BY {_KEYS} ORDER BY {_KEYS}
    ON CONFLICT (kind, value_id, bucket, project_id, model_id)
    DO UPDATE SET {", ".join(f"{name} = q.{name} + excluded.{name}" for name in NARROW_SUMS)}
"""  # noqa: S608
