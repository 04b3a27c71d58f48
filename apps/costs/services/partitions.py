"""Monthly partitions: made ahead by CREATE … LIKE and ATTACH, dropped by DETACH CONCURRENTLY and DROP."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

MONTHS_AHEAD = 3
MONTHS_BACK = 2
TABLES = {
    "costs_usagerecord": ("occurred_at", ""),
    # Rollup rows are updated in place: leave room on the page, so that an update touches no index.
    "costs_usagequarter": ("bucket", "WITH (fillfactor = 70)"),
    "costs_usagequarterby": ("bucket", "WITH (fillfactor = 70)"),
    "costs_usageday": ("bucket", ""),
}
_known: set[date] = set()


def month_of(moment: datetime) -> date:
    """The first day of the UTC month a moment lies in."""
    return moment.astimezone(UTC).date().replace(day=1)


def shifted(month: date, by: int) -> date:
    """The month that many months later, or earlier."""
    index = month.year * 12 + month.month - 1 + by
    return date(index // 12, index % 12 + 1, 1)


def months_around(now: datetime) -> list[date]:
    """The months that should always stand: two back to three ahead."""
    return [shifted(month_of(now), by) for by in range(-MONTHS_BACK, MONTHS_AHEAD + 1)]


def ensure_months(months: Iterable[date]) -> None:
    """Make the partitions of these months where they are missing. Cheap when they are known to stand."""
    for month in sorted(set(months) - _known):
        for table in TABLES:
            _ensure(table, month)
        _known.add(month)


def make_ahead(now: datetime) -> date:
    """Look which of the months around now stand, and make those that do not. Returns the last of them.

    Months that retention would drop at once are left out.
    """
    forget_known()
    oldest = month_of(now - timedelta(days=min(settings.RETENTION_RECORD_DAYS, settings.RETENTION_ROLLUP_DAYS)))
    months = [month for month in months_around(now) if month >= oldest]
    ensure_months(months)
    return months[-1]


def ensure_month_of(table: str, month: date) -> None:
    """Make the partition of one table and month where it is missing; asks the database every time."""
    _ensure(table, month)


def forget_known() -> None:
    """Look again which partitions stand, after one was dropped."""
    _known.clear()


def partition_name(table: str, month: date) -> str:
    """The name of a table's partition of a month."""
    return f"{table}_{month:%Y_%m}"


def _ensure(table: str, month: date) -> None:
    column, storage = TABLES[table]
    name, end = partition_name(table, month), shifted(month, 1)
    with transaction.atomic(), connection.cursor() as cursor:
        # One maker at a time; attaching needs no lock that waits behind open inserts.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('bursar partitions'))")
        cursor.execute("SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s)", [name])
        attached = cursor.fetchone()
        if attached == (False,):
            return
        if attached:
            # Retention was broken off while it detached this month: new records must not wait for its next run.
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {name} FINALIZE")
        bounds = f"{column} >= '{month} 00:00+00' AND {column} < '{end} 00:00+00'"
        cursor.execute(f"DROP TABLE IF EXISTS {name}")
        cursor.execute(
            f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL, CONSTRAINT bounds CHECK ({bounds})) {storage}"
        )
        cursor.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{month} 00:00+00') TO ('{end} 00:00+00')"
        )
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT bounds")
