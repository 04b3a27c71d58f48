"""Statements that every request of an agent makes: prepared, and sent without the driver's cursor.

A cursor asks the types of all values, keeps a state, and lets go of the interpreter's lock four times a statement; that
took longer than the server did. Here values go as text beside the statement, so those whose type does not follow from
their place need a cast, and the driver's library waits in one call. Whatever is unusual goes through a cursor, and so
does a statement within a transaction, which could not go on after a plan was found to be gone.
"""

import re
import select
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

Rows = list[tuple[Any, ...]]
S = TypeVar("S")
P = TypeVar("P")
_Values = list[bytes | None]
_TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid
_TIMES = cast("type[Loader]", psycopg.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT))
_READY = frozenset((ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK))
_PLACE = re.compile(r"%(?:\((\w+)\)s|(s)|(%))")
_OUTDATED = (FeatureNotSupported, InvalidSqlStatementName)
"""What a server says of a plan whose columns have changed, and of one that a connection has lost."""

WAIT = "SELECT pg_logical_emit_message(true, 'bursar', '')"


def wait_for_log() -> None:
    """Wait until what was committed before, here or elsewhere, is as safe as a commit that waits.

    A transaction of its own, with nothing but a remark in the log, is committed as the server is told to commit; its
    place in the log is after everything that anybody has committed.
    """
    prepared(WAIT, [])


def prepared(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Rows:
    """The rows of a statement that is planned once for each connection: planning joins costs more than running them.

    Outside of a transaction, and where this request has no connection yet, one is borrowed for the statement alone.
    """
    here = connections[DEFAULT_DB_ALIAS]
    with here.wrap_database_errors:
        return _on_connection(here, _rows, sql, parameters)


def numbered(sql: bytes, parameters: Sequence[Any]) -> None:
    """Run a statement with places $1, $2 and so on, planned once for each connection; nobody reads its rows.

    A str goes as text, what is a kind of bytes in PostgreSQL's binary format. Anything else goes through a cursor, and
    so do statements of a connection that has planned many already. The connection is found as by `prepared`.
    Raises the driver's own errors.
    """
    _on_connection(connections[DEFAULT_DB_ALIAS], _run_numbered, sql, parameters)


def _on_connection(
    here: BaseDatabaseWrapper, run: Callable[[psycopg.Connection[Any], S, P], Rows], sql: S, parameters: P
) -> Rows:
    pool = _pool_of(here) if here.connection is None and not here.in_atomic_block else None
    if pool is None:
        here.ensure_connection()
        return run(here.connection, sql, parameters)
    driver = pool.getconn()
    try:
        if not driver.autocommit:
            driver.autocommit = True
        return run(driver, sql, parameters)
    finally:
        pool.putconn(driver)


def _run_numbered(driver: psycopg.Connection[Any], sql: bytes, parameters: Sequence[Any]) -> Rows:
    plain = all(type(value) is str or isinstance(value, bytes) for value in parameters)
    if not plain or driver.prepare_threshold is None or not (driver.autocommit and _has_room(driver, sql)):
        with psycopg.RawCursor(driver) as cursor:
            cursor.execute(sql, parameters)
        return []
    values = [value.encode() if type(value) is str else value for value in parameters]
    formats = [Format.TEXT if type(value) is str else Format.BINARY for value in parameters]
    return _run(driver, sql, values, formats)


def _rows(driver: psycopg.Connection[Any], sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Rows:
    values = _written(sql, parameters)
    if values is None or driver.prepare_threshold is None or not driver.autocommit:
        with psycopg.Cursor(driver) as cursor:
            return cursor.execute(sql, parameters, prepare=True).fetchall()
    return _run(driver, sql, values)


class _NewestFirst(deque[Any]):
    """Connections of which the one that came back last goes out first.

    The driver's pool hands out the one that has rested the longest. Each has a server process of its own with plans
    and catalogues of its own, so that under load as many caches had to be filled as the pool has connections.
    """

    def popleft(self) -> Any:
        """The one that was added last."""
        return self.pop()


def _pool_of(here: BaseDatabaseWrapper) -> Any:
    pool = cast(Any, here).pool
    if pool is not None and not isinstance(pool._pool, _NewestFirst):
        pool.open()
        with pool._lock:
            pool._pool = _NewestFirst(pool._pool)
            pool._check = _refuse_lost
    return pool


def _refuse_lost(driver: psycopg.Connection[Any]) -> None:
    """Raise OperationalError for a connection whose server went away while nobody used it, and drop all that rest.

    A server says nothing unasked but its farewell, so what there is to read tells it without a trip.
    """
    if select.select([driver.fileno()], [], [], 0)[0]:
        driver.close()
        cast(Any, driver)._pool.drain()
        raise psycopg.OperationalError("the server went away while the connection rested")


class _Reading:
    """How rows are read: as Django has it, but times by the driver's own code instead of Python's.

    Sessions are in UTC, so both read the same instant in the same zone.
    """

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self.connection = driver
        self.adapters = AdaptersMap(driver.adapters)
        self.adapters.register_loader(_TIMESTAMPTZ, _TIMES)


class _Statement:
    """A statement that one connection has planned, and what reads its rows."""

    def __init__(self, driver: psycopg.Connection[Any], name: bytes) -> None:
        self.name = name
        self.reader = Transformer(cast("AdaptContext", _Reading(driver)))
        self.knows_columns = False

    def rows(self, result: PGresult) -> Rows:
        """The rows of a result; what reads a column is looked up once, since the columns of a plan stay as they are."""
        if not result.nfields:
            return []
        self.reader.set_pgresult(result, set_loaders=not self.knows_columns)
        self.knows_columns = True
        rows: Rows = self.reader.load_rows(0, result.ntuples, tuple)
        self.reader.set_pgresult(None, set_loaders=False)
        return rows


_numbers = count(1)
_planned: WeakKeyDictionary[psycopg.Connection[Any], dict[str | bytes, _Statement]] = WeakKeyDictionary()
_MOST_PLANNED = 60
"""Plans that a connection keeps; a large one takes some 300 kB of the server."""


def _has_room(driver: psycopg.Connection[Any], sql: bytes) -> bool:
    known = _planned.get(driver, {})
    return sql in known or len(known) < _MOST_PLANNED


def _run(
    driver: psycopg.Connection[Any], sql: str | bytes, values: _Values, formats: Sequence[int] | None = None
) -> Rows:
    known = _planned.get(driver)
    if known is None:
        known = _planned[driver] = {}
    if statement := known.get(sql):
        result = _sent(driver, statement, values, formats)
        if result.status in _READY:
            return statement.rows(result)
        error = _error(driver, result)
        if not isinstance(error, _OUTDATED):
            raise error
        del known[sql]
    statement = _plan(driver, sql)
    result = _sent(driver, statement, values, formats)
    if result.status not in _READY:
        raise _error(driver, result)
    known[sql] = statement
    return statement.rows(result)


def _sent(
    driver: psycopg.Connection[Any], statement: _Statement, values: _Values, formats: Sequence[int] | None
) -> PGresult:
    return driver.pgconn.exec_prepared(statement.name, cast("Sequence[bytes]", values), formats)  # None is NULL


def _plan(driver: psycopg.Connection[Any], sql: str | bytes) -> _Statement:
    statement = _Statement(driver, b"bursar_%d" % next(_numbers))
    result = driver.pgconn.prepare(statement.name, sql if isinstance(sql, bytes) else _numbered(sql)[0])
    if result.status not in _READY:
        raise _error(driver, result)
    return statement


def _error(driver: psycopg.Connection[Any], result: PGresult) -> psycopg.Error:
    if driver.pgconn.status == ConnStatus.BAD:
        return psycopg.OperationalError(driver.pgconn.get_error_message())
    return error_from_result(result, encoding="utf-8")


@lru_cache(maxsize=64)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with numbered places, and the names of them where they have any; a name has one place."""
    names: dict[str, int] = {}
    placed = 0

    def place(found: re.Match[str]) -> str:
        nonlocal placed
        if found[3]:
            return "%"
        if found[1] is None:
            placed += 1
            return f"${placed}"
        return f"${names.setdefault(found[1], len(names) + 1)}"

    return _PLACE.sub(place, sql).encode(), tuple(names)


def _written(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> _Values | None:
    """The values as text; None where one is of a type, or has a sign, that only a cursor knows."""
    names = _numbered(sql)[1]
    values = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
    try:
        written = [None if value is None else _WRITERS[type(value)](value) for value in values]
    except (KeyError, UnicodeEncodeError):
        return None
    return None if b"\0" in b"".join(filter(None, written)) else written


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    str: str.encode,
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
    Decimal: lambda value: str(value).encode(),
    datetime: lambda value: value.isoformat().encode(),
    bytes: lambda value: b"\\x" + value.hex().encode(),
}
