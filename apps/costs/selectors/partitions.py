"""The monthly partitions that stand, and in which state: attached, being detached, or detached and not yet dropped."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from django.db import connection

State = Literal["attached", "detaching", "detached"]


@dataclass(frozen=True, slots=True)
class Partition:
    """One month of one table. `rows` is the database's estimate; `size` in bytes, indexes included."""

    table: str
    name: str
    begins: datetime
    ends: datetime
    state: State
    rows: int
    size: int


def partitions_of(table: str) -> list[Partition]:
    """The partitions of a table, oldest first, with those a broken-off removal left behind."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, to_date(right(c.relname, 7), 'YYYY_MM'),
                CASE WHEN i.inhrelid IS NULL THEN 'detached' WHEN i.inhdetachpending THEN 'detaching'
                     ELSE 'attached' END,
                greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::bigint, pg_total_relation_size(c.oid)
            FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
            WHERE c.relkind = 'r'
                AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = %(table)s::regclass)
                AND c.relname ~ ('^' || %(table)s || '_[0-9]{4}_[0-9]{2}$')
            ORDER BY 2
            """,
            {"table": table},
        )
        return [_partition(table, *row) for row in cursor.fetchall()]


def _partition(table: str, name: str, month: date, state: State, rows: int, size: int) -> Partition:
    following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    return Partition(table, name, _midnight(month), _midnight(following), state, rows, size)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
