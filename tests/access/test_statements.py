"""Prepared statements without a cursor: the same rows, plans that end, values that only a cursor knows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from django.db import DataError, connection, transaction
from django.db.utils import ProgrammingError

from apps.access import statements
from apps.access.statements import numbered, prepared
from apps.costs.services.ingest.literals import uuid_array

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = """
    SELECT %(text)s::text, %(number)s::int, %(number)s::bigint, %(money)s::numeric, %(moment)s::timestamptz,
        %(bytes)s::bytea, %(yes)s::bool, %(nothing)s::text, %(numbers)s::bigint[], '7%%'::text, %(json)s::jsonb
"""
VALUES: dict[str, Any] = {
    "text": "it's {\"100 %\"} \\ ünd 漢字", "number": -3, "money": Decimal("0.000000000000001"),
    "moment": datetime(2026, 2, 28, 23, 59, 59, 123456, UTC), "bytes": bytes(range(256)), "yes": False,
    "nothing": None, "numbers": "{1,2,null}", "json": '{"a": [1]}',
}  # fmt: skip


def names() -> int:
    """The statements that the connection of this thread has planned."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return int(cursor.fetchone()[0])


def test_rows_are_those_of_a_cursor() -> None:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        wanted = cursor.execute(EVERY, VALUES).fetchall()
    assert [prepared(EVERY, VALUES) for _ in range(2)] == [wanted, wanted]
    assert prepared("SELECT %s::int + %s::int", [2, 3]) == [(5,)]
    assert prepared("SELECT 1 WHERE false", []) == []
    assert wanted[0][5] == VALUES["bytes"]


def test_what_is_unusual_goes_through_a_cursor() -> None:
    assert prepared("SELECT %s::text[]", [["a", 'b"\\', None]]) == [(["a", 'b"\\', None],)]
    with pytest.raises((DataError, ValueError), match="NUL"):
        prepared("SELECT %s::text", ["a\0b"])
    with transaction.atomic():
        assert prepared("SELECT %s::int", [1]) == [(1,)]
    connection.connection.prepare_threshold = None  # as behind pgbouncer, which keeps no plans
    before = names()
    assert prepared("SELECT %s::int - 1", [1]) == [(0,)]
    assert names() == before
    connection.connection.prepare_threshold = 5


@pytest.mark.parametrize("spoil", ["DEALLOCATE ALL", "ALTER TABLE spoilt ALTER a TYPE text"])
def test_a_plan_that_ended_is_made_again(spoil: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE spoilt AS SELECT 1 AS a")
        first = prepared("SELECT a FROM spoilt", [])
        cursor.execute(spoil)
        again = prepared("SELECT a FROM spoilt", [])
        cursor.execute("DROP TABLE spoilt")
    assert (first, again) == ([(1,)], [("1" if "text" in spoil else 1,)])


def test_a_borrowed_connection_goes_back_after_an_error_too() -> None:
    connection.close()
    for _ in range(20):  # the pool has eight
        with pytest.raises(ProgrammingError):
            prepared("SELECT nothing", [])
        with pytest.raises(DataError):
            prepared("SELECT 1 / %s::int", [0])
        assert prepared("SELECT 1", []) == [(1,)]
    assert connection.connection is None


def test_the_connection_that_came_back_last_goes_out_first() -> None:
    """Its server process has the plans; the pool alone would hand out one after the other."""
    connection.close()
    prepared("SELECT 1", [])
    pool = cast(Any, connection).pool
    borrowed = [pool.getconn() for _ in range(3)]
    for one in borrowed:
        pool.putconn(one)
    pids = {prepared("SELECT pg_backend_pid()", [])[0][0] for _ in range(6)}
    assert pids == {borrowed[-1].info.backend_pid}


def test_connections_whose_server_went_away_are_not_handed_out() -> None:
    connection.close()
    prepared("SELECT 1", [])
    pool = cast(Any, connection).pool
    borrowed = [pool.getconn() for _ in range(3)]
    pids = [one.info.backend_pid for one in borrowed]
    for one in borrowed:
        pool.putconn(one)
    with psycopg.connect(**pool.kwargs) as other:
        for pid in pids:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert prepared("SELECT pg_backend_pid()", [])[0][0] not in pids


def test_numbered_values_go_as_text_or_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (said text, ids uuid[])")
    insert, ids = b"INSERT INTO kept VALUES ($1::text || $3, $2::uuid[])", [UUID(int=number) for number in range(30)]
    values = ["it's ünd ", uuid_array([one.hex for one in ids]), "100 %"]
    assert isinstance(values[1], bytes)
    connection.close()
    for _ in range(2):
        numbered(insert, values)
    assert connection.connection is None
    with transaction.atomic():
        numbered(insert, values)
    numbered(insert, ["a", [], "b"])
    with pytest.raises(psycopg.errors.DivisionByZero):
        numbered(b"SELECT 1 / $1::int", ["0"])

    monkeypatch.setattr(statements, "_MOST_PLANNED", 0)
    before = names()
    numbered(b"INSERT INTO kept VALUES ($1, NULL)", ["last"])
    assert names() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT said, ids FROM kept")
        assert cursor.fetchall() == [("it's ünd 100 %", ids)] * 3 + [("ab", []), ("last", None)]
        cursor.execute("DROP TABLE kept")
