"""One view of the database for all numbers of one answer."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import connection, transaction

T = TypeVar("T")
_read_before: ContextVar[dict[Hashable, Any] | None] = ContextVar("read_before", default=None)


def once(key: Hashable, read: Callable[[], T]) -> T:
    """What `read` returns; inside one snapshot, where it cannot change, it is read only once for a key."""
    known = _read_before.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    found: T = known[key]
    return found


def remembered(key: Hashable) -> dict[Any, Any]:
    """What was noted under a key since this snapshot began; outside of one, nothing is kept."""
    found: dict[Any, Any] = once(key, dict)
    return found


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Run several questions against the same committed state, so that the parts of a page always add up.

    Inside a transaction that is open already, the questions simply join it.
    """
    token = _read_before.set({})
    try:
        with _same_view():
            yield
    finally:
        _read_before.reset(token)


@contextmanager
def _same_view() -> Iterator[None]:
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Parallel workers take longer to start than these short questions take; large answers add up in memory.
            cursor.execute(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
                " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '32MB'"
            )
        yield
