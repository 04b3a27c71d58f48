"""Settings of a background transaction: long statements are expected, and plans suit data that is mostly cached."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

# Compiling a plan costs more than it saves here; a day's rows fit into this memory.
_PLANNER = {"jit": "off", "work_mem": "64MB", "random_page_cost": "1.1"}


def unhurried(cursor: CursorWrapper, *, seconds: int = 45) -> None:
    """Give the statements of this transaction so many seconds each, and plans for many rows."""
    values = {**_PLANNER, "statement_timeout": f"{seconds}s"}
    cursor.execute(
        "SELECT " + ", ".join(["set_config(%s, %s, true)"] * len(values)),
        [part for pair in values.items() for part in pair],
    )


@contextmanager
def background_transaction(*, seconds: int = 45, wait_ms: int = 2000) -> Iterator[CursorWrapper]:
    """A transaction that gives way: it waits `wait_ms` at most for any lock, then raises OperationalError."""
    with transaction.atomic(), connection.cursor() as cursor:
        unhurried(cursor, seconds=seconds)
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_ms}ms"])
        yield cursor
