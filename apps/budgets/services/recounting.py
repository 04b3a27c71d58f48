"""Putting counters right against the books of costs: the difference is added, never the sum written over.

Usage and its charges are committed together, so what a counter lacks is the same in every snapshot: it is read in one
statement and added in the next, while ingest goes on. Only one recount runs at a time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from apps.budgets.selectors.matching import Rule
from apps.budgets.selectors.used import Used, used

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('bursar budget recount'))"


@dataclass(frozen=True, slots=True)
class Difference:
    """What one counter lacks against the books."""

    counter_id: int
    amount: Decimal
    unpriced_calls: int


@transaction.atomic
def recount(*, rule: Rule, counter_ids: Collection[int], just_opened: bool = False) -> list[Difference]:
    """Correct these counters of one budget, with a ledger row for each difference, and give the differences.

    Counters this transaction has `just_opened` nobody else can see, so nobody else recounts them.
    """
    if not counter_ids:
        return []
    with connection.cursor() as cursor:
        if not just_opened:
            cursor.execute(_ALONE)
        found = [one for one in differences(rule, counter_ids) if one.amount or one.unpriced_calls]
        _adjust(cursor, found)
    return found


@transaction.atomic
def empty(*, counter_ids: Collection[int]) -> None:
    """Let these counters count nothing any more, with a ledger row each: others count what they did."""
    with connection.cursor() as cursor:
        cursor.execute(_ALONE)
        cursor.execute(
            "SELECT id, -spent, -unpriced_calls FROM budgets_counter WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [list(counter_ids)],
        )
        _adjust(cursor, [Difference(*row) for row in cursor.fetchall()])


def differences(rule: Rule, counter_ids: Collection[int]) -> list[Difference]:
    """What these counters of one budget lack against the books, one for each, read in one statement."""
    asked = used(rule)
    with connection.cursor() as cursor:
        parameters = {"since": None, **asked.parameters, "counters": list(counter_ids), "far": _FAR}
        cursor.execute(_statement(asked, rule.each), parameters)
        return [Difference(*row) for row in cursor.fetchall()]


_IS_KNOWN = """greatest(w.starts, %(since)s::timestamptz)
            >= coalesce((SELECT {kept} FROM costs_booksstate), '-infinity')"""
"""Whether all that a counter counts is still there."""


def _kept_from(asked: Used) -> str:
    """Since when the table that answers is whole: sums outlive records."""
    return "records_from" if asked.table == "costs_usagerecord" else "rollups_from"


@transaction.atomic
def forget_unknown(*, rule: Rule, counter_ids: Collection[int]) -> None:
    """Empty those of these counters of whose usage retention dropped something: new terms cannot be counted back there.

    A recount then gives them what is left. What they hold was counted by other terms, and says nothing of the new ones.
    """
    asked = used(rule)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT w.id FROM (SELECT id, period_start AS starts FROM budgets_counter WHERE id = ANY(%(counters)s)) w"
            f" WHERE NOT {_IS_KNOWN.format(kept=_kept_from(asked))}",
            {"counters": list(counter_ids), "since": rule.counted_since},
        )
        found = [row[0] for row in cursor.fetchall()]
    if found:
        empty(counter_ids=found)


_CONVERSATIONS = " AND r.conversation_id IN (SELECT substr(each_value, strpos(each_value, ':') + 1) FROM w)"


def _statement(asked: Used, each: str) -> str:
    """One row a counter. A counter of whose usage retention may have dropped something is left as it is."""
    by_index = _CONVERSATIONS if each == "conversation" else ""
    return f"""
        WITH w AS MATERIALIZED (
            SELECT id, each_value, period_start AS starts, coalesce(period_end, %(far)s) AS ends, spent, unpriced_calls
            FROM budgets_counter WHERE id = ANY(%(counters)s)
        ), sums AS (
            SELECT w.id, sum({asked.amount}) AS amount, sum({asked.unpriced})::bigint AS unpriced
            FROM {asked.source} JOIN w ON {asked.time} >= w.starts AND {asked.time} < w.ends
                AND {asked.each} = w.each_value
            WHERE {asked.time} >= (SELECT min(starts) FROM w) AND {asked.time} < (SELECT max(ends) FROM w)
                AND {asked.where}{by_index} GROUP BY w.id
        )
        SELECT w.id, coalesce(s.amount, 0) - w.spent, coalesce(s.unpriced, 0) - w.unpriced_calls
        FROM w LEFT JOIN sums s ON s.id = w.id
        WHERE {_IS_KNOWN.format(kept=_kept_from(asked))} OR coalesce(s.amount, 0) > w.spent
        ORDER BY w.id"""


def _adjust(cursor: Any, found: Sequence[Difference]) -> None:
    if not found:
        return
    parameters: dict[str, Any] = {
        "ids": [one.counter_id for one in found],
        "amounts": [one.amount for one in found],
        "unpriced": [one.unpriced_calls for one in found],
    }
    cursor.execute(
        "INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls)"
        " SELECT id, 5, amount, 0, unpriced FROM unnest(%(ids)s::bigint[], %(amounts)s::numeric[],"
        " %(unpriced)s::bigint[]) AS d(id, amount, unpriced)",
        parameters,
    )
    cursor.execute("SELECT 1 FROM budgets_counter WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE", parameters)
    cursor.execute(
        "UPDATE budgets_counter c SET spent = c.spent + d.amount, unpriced_calls = c.unpriced_calls + d.unpriced"
        " FROM unnest(%(ids)s::bigint[], %(amounts)s::numeric[], %(unpriced)s::bigint[]) AS d(id, amount, unpriced)"
        " WHERE c.id = d.id",
        parameters,
    )


def carry(*, rule: Rule, counter_ids: Collection[int]) -> int:
    """Set what the days before leave in these counters of a rolling budget; how many were wrong.

    The days before are locked first, in the order in which everybody locks counters, so that no late record slips by.
    """
    windows = {one_id: rule.cycle.window_start(start) for one_id, start in _starts(counter_ids)}
    with transaction.atomic(), connection.cursor() as cursor:
        parameters: dict[str, Any] = {"ids": list(windows), "from": list(windows.values())}
        days = (
            "budgets_counter t JOIN unnest(%(ids)s::bigint[], %(from)s::timestamptz[]) AS w(id, starts) ON t.id = w.id"
            " JOIN budgets_counter d ON d.budget_id = t.budget_id AND d.each_value = t.each_value"
            " AND d.period_start >= w.starts AND d.period_start < t.period_start"
        )
        cursor.execute(
            f"SELECT 1 FROM budgets_counter l WHERE l.id = ANY(%(ids)s) OR l.id IN (SELECT d.id FROM {days})"
            " ORDER BY l.id FOR NO KEY UPDATE",
            parameters,
        )
        cursor.execute(
            f"UPDATE budgets_counter c SET carried = s.spent FROM (SELECT w.id, coalesce(sum(d.spent), 0) AS spent"
            f" FROM unnest(%(ids)s::bigint[]) AS w(id) LEFT JOIN (SELECT t.id, d.spent FROM {days}) d ON d.id = w.id"
            " GROUP BY w.id) s WHERE c.id = s.id AND c.carried <> s.spent",
            parameters,
        )
        return int(cursor.rowcount)


def _starts(counter_ids: Collection[int]) -> list[tuple[int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, period_start FROM budgets_counter WHERE id = ANY(%s) ORDER BY id", [list(counter_ids)]
        )
        return list(cursor.fetchall())
