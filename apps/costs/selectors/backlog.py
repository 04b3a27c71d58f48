"""What background work has still to do, by the rows themselves: days to fold, hours to fold, hours to prove."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import connection

from apps.costs.domain.calendars import day_of, day_start
from apps.costs.domain.slices import HOURS
from apps.costs.selectors.horizon import DAY, HOUR, horizon
from apps.costs.selectors.reporting import reporting_zone

FOLD_AFTER = timedelta(hours=2)
FOLD_HOUR_AFTER = timedelta(hours=1)
CLOSED_AFTER = timedelta(minutes=5)


def first_rollup() -> datetime | None:
    """The oldest bucket of the cube; None when there is no usage."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(bucket) FROM costs_usagequarter")
        found: datetime | None = cursor.fetchone()[0]
    return found


def unfolded_days(now: datetime) -> list[date]:
    """Closed days of the reporting zone without a fold, newest first.

    Left out are days whose edges lie inside a stored hour (the zone changed after quarters were folded to hours) and
    days that retention has cut: readers put those together from the other tables.
    """
    zone, first, limits = reporting_zone(), first_rollup(), horizon()
    if first is None:
        return []
    folded = _folded(zone.key)
    days, day = [], day_of(now - FOLD_AFTER, zone) - DAY
    while (end := day_start(day + DAY, zone)) > first:
        start = day_start(day, zone)
        if limits.rollups_from is not None and start < limits.rollups_from:
            break
        if start not in folded and limits.is_edge(start) and limits.is_edge(end):
            days.append(day)
        day -= DAY
    return days


def unfolded_hours(now: datetime) -> list[tuple[datetime, datetime]]:
    """Closed hours [begins, ends) without a fold, of the running day and of the one before until it may be folded.

    They are counted from the start of the day; clocks set by less than an hour leave a shorter one at its end.
    """
    zone, first, limits = reporting_zone(), first_rollup(), horizon()
    if first is None:
        return []
    taken, day = _folded(HOURS), day_of(now - FOLD_AFTER, zone)
    found, closed = [], now - FOLD_HOUR_AFTER
    while (start := day_start(day, zone)) < closed:
        end = day_start(day + DAY, zone)
        spans = [(begin, min(begin + HOUR, end)) for begin in _steps(start, end)]
        found += [span for span in spans if span[0] not in taken and first < span[1] <= closed]
        day += DAY
    return [span for span in found if all(map(limits.is_edge, span))]


def _steps(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR


def _folded(zone: str) -> set[datetime]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bucket FROM costs_dayfold WHERE zone = %s", [zone])
        return {row[0] for row in cursor.fetchall()}


def folds_of_other_zones(at_most: int) -> list[tuple[datetime, datetime]]:
    """The folded days [begins, ends) of another zone than the reporting zone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_dayfold WHERE zone <> ALL(%s) ORDER BY bucket LIMIT %s",
            [[reporting_zone().key, HOURS], at_most],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def hours_to_merge(at_most: int) -> list[datetime]:
    """Hours that may be stored as one row and still hold quarters, oldest first.

    The narrow rollups have quarters only where the cube has: it alone is asked, by its index.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hour FROM generate_series(date_trunc('hour', (SELECT min(bucket) FROM costs_usagequarter), 'UTC'),"
            " (SELECT hours_until FROM costs_booksstate) - interval '1 hour', interval '1 hour') AS hour"
            " WHERE EXISTS (SELECT FROM costs_usagequarter"
            " WHERE bucket > hour AND bucket < hour + interval '1 hour') ORDER BY hour LIMIT %s",
            [at_most],
        )
        return [row[0] for row in cursor.fetchall()]


def first_month() -> datetime | None:
    """Where the oldest partition of the records begins; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(to_timestamp(right(c.relname, 7) || '_01 00:00+00', 'YYYY_MM_DD HH24:MITZH'))"
            " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'costs_usagerecord'::regclass AND NOT i.inhdetachpending"
        )
        found: datetime | None = cursor.fetchone()[0]
    return found


def provable_from() -> datetime | None:
    """The first hour of which records and rollups are both complete; None when there is no partition."""
    first, limit = first_month(), horizon().provable_from
    return max(first, limit) if first and limit else first


def closed_until(now: datetime) -> datetime:
    """Where closed hours end: those that ended five minutes ago or earlier."""
    return (now - CLOSED_AFTER).replace(minute=0, second=0, microsecond=0)


def unproven_hours(now: datetime, at_most: int = 100_000) -> list[datetime]:
    """Closed hours that were never proven, newest first."""
    first = provable_from()
    if first is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hour FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 hour', interval '1 hour')"
            " AS hour WHERE NOT EXISTS (SELECT FROM costs_provenhour p WHERE p.bucket = hour)"
            " ORDER BY hour DESC LIMIT %s",
            [first, closed_until(now), at_most],
        )
        return [row[0] for row in cursor.fetchall()]


def least_recently_proven(at_most: int) -> list[datetime]:
    """Hours that were proven longest ago, those first; hours whose records are gone are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket FROM costs_provenhour WHERE bucket >= coalesce(%s, '-infinity'::timestamptz)"
            " ORDER BY proven_at, bucket DESC LIMIT %s",
            [provable_from(), at_most],
        )
        return [row[0] for row in cursor.fetchall()]


def folds_to_prove(at_most: int) -> list[tuple[datetime, datetime]]:
    """Folded days [begins, ends): those never proven, newest first, then those proven longest ago.

    Only of the reporting zone: the others wait to be removed, and their quarters may have become hours they cut.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_dayfold WHERE zone = ANY(%s)"
            " ORDER BY proven_at NULLS FIRST, bucket DESC LIMIT %s",
            [[reporting_zone().key, HOURS], at_most],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def folds_between(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Folded days [begins, ends) of the reporting zone that lie in [start, end), in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, ends_at FROM costs_dayfold"
            " WHERE zone = ANY(%s) AND bucket >= %s AND ends_at <= %s ORDER BY bucket",
            [[reporting_zone().key, HOURS], start, end],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]
