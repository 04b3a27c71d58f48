"""The advisory locks of ingest and background work, all held until the transaction ends.

Repairs and folds take `repair_alone` before anything else, and the lock of folds second: nobody waits in a circle.
"""

from django.db.backends.utils import CursorWrapper

_FOLDS, _REPAIRS = "hashtext('bursar folds')", "hashtext('bursar repairs')"


def repair_alone(cursor: CursorWrapper) -> None:
    """No other repair or fold begins while this transaction lasts; ingest goes on.

    Only background work waits here, so it may wait long: half a minute, whatever the transaction's own lock_timeout.
    """
    cursor.execute("SELECT current_setting('lock_timeout')")
    before = cursor.fetchone()[0]
    cursor.execute("SELECT set_config('lock_timeout', '30s', true)")
    cursor.execute(f"SELECT pg_advisory_xact_lock({_REPAIRS})")
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])


def reopen_together(cursor: CursorWrapper) -> None:
    """No fold is completed while this transaction lasts; late records, which hold the same, go on."""
    cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_FOLDS})")


def fold_alone(cursor: CursorWrapper) -> None:
    """No late record is written while this transaction lasts: keep it short from here on."""
    cursor.execute(f"SELECT pg_advisory_xact_lock({_FOLDS})")
