"""Keeping the ledger short: old rows become one a counter, and reservations that ended long ago are forgotten.

The sum of a counter's rows stays what it was in every snapshot, since rows go and come in one statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from apps.budgets.models import BudgetsVersion

_COUNTERS = 500
_RESERVATIONS = 20_000
_ROUNDS = 200
_FOLD = """
    WITH old AS (
        SELECT counter_id FROM budgets_entry WHERE made_at < %(until)s GROUP BY counter_id HAVING count(*) > 1
        ORDER BY counter_id LIMIT %(most)s
    ), gone AS (
        DELETE FROM budgets_entry e USING old WHERE e.counter_id = old.counter_id AND e.made_at < %(until)s
        RETURNING e.counter_id, e.spent, e.reserved, e.unpriced_calls, e.made_at
    )
    INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, made_at)
    SELECT counter_id, 5, sum(spent), sum(reserved), sum(unpriced_calls), max(made_at) FROM gone GROUP BY counter_id
"""
_FORGET = """
    DELETE FROM budgets_reservation WHERE id IN (
        SELECT id FROM budgets_reservation WHERE expires_at < %(until)s AND state <> 0 ORDER BY expires_at
        LIMIT %(most)s)
"""


@dataclass(frozen=True, slots=True)
class TidyRun:
    """What a run did."""

    folded: int
    forgotten: int


def tidy(*, now: datetime) -> TidyRun:
    """Fold what is older than LEDGER_DAYS, some counters a statement. Safe to run twice.

    The next sweep for reservations that are due looks at all of them, whatever earlier ones have noted.
    """
    BudgetsVersion.objects.update(expired_until=None)
    until = now - timedelta(days=settings.LEDGER_DAYS)
    folded = _until_done(_FOLD, until, _COUNTERS)
    return TidyRun(folded, _until_done(_FORGET, until, _RESERVATIONS))


def _until_done(statement: str, until: datetime, most: int) -> int:
    done = 0
    with connection.cursor() as cursor:
        for _ in range(_ROUNDS):
            cursor.execute(statement, {"until": until, "most": most})
            done += cursor.rowcount
            if cursor.rowcount < most:
                break
    return done
