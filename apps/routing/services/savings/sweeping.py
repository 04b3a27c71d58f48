"""Days whose usage or baseline changed are derived again, newest first.

A day is due while its sums in the rollups differ from those it was derived from, or another baseline holds on it. So
late calls, re-rating, merged projects and a new declaration all show, and a run that finds nothing costs one question
to the rollups. The running day is due again only after a while.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import OperationalError, connection, transaction

from apps.costs.domain.calendars import Unit, cut, day_of, day_start
from apps.costs.domain.formats import some
from apps.costs.selectors import metrics
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.pace import unhurried
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.models import BandSum, SavingsDay, SavingsSlice, SavingsSum, SwitchSum
from apps.routing.selectors.baselines import Declared, declared, in_use
from apps.routing.services.savings.deriving import derive_day, write_day

LOCK = "hashtext('bursar savings')"
SUMS = ("calls", "unpriced_calls", "input_tokens", "output_tokens", "cost_usd")
Seen = tuple[int, int, int, Decimal]
NOTHING: Seen = (0, 0, 0, Decimal(0))


@dataclass(frozen=True, slots=True)
class Due:
    """A day to derive: its ends, what the rollups say of it, and the baseline that holds."""

    start: datetime
    end: datetime
    seen: Seen
    used: Declared | None


@dataclass(frozen=True, slots=True)
class SavingsRun:
    """What one run did."""

    derived: int
    left: int

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        return f"{some(self.derived, 'day')} compared with the baseline, {self.left} left"


def derive_due_days(*, now: datetime, seconds: int = 40) -> SavingsRun:
    """Derive what is due, newest first, for about so many seconds; safe to run twice at once.

    A day that cannot be read now is left for the next run.
    """
    zone = reporting_zone()
    _remove_others(zone, now)
    due = due_days(now=now, zone=zone)
    deadline, done = time.monotonic() + seconds, 0
    for one in due:
        if time.monotonic() > deadline:
            break
        try:
            done += _derive(one, zone, now)
        except OperationalError:
            continue
    return SavingsRun(done, len(due) - done)


def due_days(*, now: datetime, zone: ZoneInfo) -> list[Due]:
    """The days that have to be derived, newest first."""
    edges = _edges(now, zone)
    if len(edges) < 2:
        return []
    query = metrics.UsageQuery(edges[0], edges[-1], zone=zone.key, include_demo=True)
    with metrics.one_snapshot():
        seen = {row.bucket: _seen(row.totals) for row in metrics.series(query, buckets=edges, group_by=None, only=SUMS)}
    known = {row.bucket: row for row in SavingsDay.objects.filter(bucket__gte=edges[0], zone=zone.key)}
    standing = declared()
    days = [Due(start, end, seen.get(start, NOTHING), in_use(standing, start)) for start, end in pairwise(edges)]
    return [day for day in reversed(days) if _is_due(day, known.get(day.start), now)]


def _is_due(day: Due, row: SavingsDay | None, now: datetime) -> bool:
    if row is None:
        return day.seen != NOTHING or day.used is not None
    if row.baseline_id != (day.used.id if day.used else None):
        return True
    if _stored(row) == day.seen:
        return False
    return day.end <= now or now - row.derived_at >= timedelta(seconds=settings.SAVINGS_TODAY_SECONDS)


def _derive(day: Due, zone: ZoneInfo, now: datetime) -> bool:
    with _one_view() as is_mine:
        if not is_mine:
            return False
        # What the day is derived from is what this snapshot sees, not what the list of due days saw.
        query = metrics.UsageQuery(day.start, day.end, zone=zone.key, include_demo=True)
        seen = _seen(metrics.added([row.totals for row in metrics.grouped(query, (), edges=(), only=SUMS)]))
        write_day(day.start, derive_day(day.start, day.end, day.used))
        SavingsDay.objects.update_or_create(
            bucket=day.start,
            defaults={
                "ends_at": day.end,
                "zone": zone.key,
                "baseline_id": day.used.id if day.used else None,
                "derived_at": now,
                "seen_calls": seen[0],
                "seen_unpriced_calls": seen[1],
                "seen_tokens": seen[2],
                "seen_usd": seen[3],
            },
        )
    return True


@contextmanager
def _one_view() -> Iterator[bool]:
    """A transaction that sees one state of the books, and whether no other run is at work."""
    nested = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not nested:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        unhurried(cursor)
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({LOCK})")
        yield bool(cursor.fetchone()[0])


def _edges(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """The starts of the days that are kept and whose records are there, and the end of today."""
    today = day_of(now, zone)
    first = day_start(today - timedelta(days=settings.SAVINGS_DAYS - 1), zone)
    end = day_start(today + timedelta(days=1), zone)
    gone = horizon().provable_from
    return [edge for edge in cut(first, end, Unit.DAY, zone) if gone is None or edge >= gone]


def _remove_others(zone: ZoneInfo, now: datetime) -> None:
    """Days of another zone, and those past what rollups are kept for."""
    old = now - timedelta(days=settings.RETENTION_ROLLUP_DAYS)
    passed = SavingsDay.objects.exclude(zone=zone.key) | SavingsDay.objects.filter(bucket__lt=old)
    with transaction.atomic():
        gone = list(passed.values_list("bucket", flat=True)[: settings.SAVINGS_DAYS])
        for model in (SavingsSum, SavingsSlice, SwitchSum, BandSum, SavingsDay) if gone else ():
            model.objects.filter(bucket__in=gone).delete()


def _seen(totals: metrics.Totals) -> Seen:
    return totals.calls, totals.unpriced_calls, totals.input_tokens + totals.output_tokens, totals.cost_usd


def _stored(row: SavingsDay) -> Seen:
    return row.seen_calls, row.seen_unpriced_calls, row.seen_tokens, Decimal(row.seen_usd)
