"""What is held in counters whose budget gets another unit: each reservation holds what it would by the new one."""

from typing import Any

from django.db import connection

from apps.budgets.domain.states import Unit
from apps.budgets.models import Budget, EntryKind

_HELD = {Unit.USD: "NULL::numeric", Unit.CALLS: "(r.parent_id IS NULL)::int::numeric", Unit.TOKENS: "0::numeric"}
"""A reservation does not keep its tokens, and a child draws from its parent."""
_OPEN = """
    r.state = 0 AND r.expires_at > (
        SELECT coalesce(v.expired_until - interval '1 minute', '-infinity') FROM budgets_budgetsversion v)
"""
_MINE = f"{_OPEN} AND r.counters && %(counters)s::bigint[]"
_HOLDING = f"""
    SELECT c.id FROM budgets_counter c WHERE c.budget_id = %(budget)s AND c.reserved <> 0
    UNION SELECT c.id FROM budgets_reservation r, unnest(r.counters) AS h(counter)
    JOIN budgets_counter c ON c.id = h.counter AND c.budget_id = %(budget)s WHERE {_OPEN} ORDER BY 1
"""  # noqa: S608


def hold_by_unit(budget: Budget) -> None:
    """Put what is held for a budget, whose row this transaction has locked, into its present unit.

    Unpriced calls hold dollars: in another unit they hold nothing. Reservations are locked before counters, as ever.
    """
    parameters: dict[str, Any] = {"budget": budget.pk, "kind": int(EntryKind.ADJUST)}
    with connection.cursor() as cursor:
        cursor.execute(_HOLDING, parameters)
        parameters["counters"] = [row[0] for row in cursor.fetchall()]
        if not parameters["counters"]:
            return
        cursor.execute(f"SELECT 1 FROM budgets_reservation r WHERE {_MINE} ORDER BY r.id FOR UPDATE", parameters)
        cursor.execute(
            f"""
            UPDATE budgets_reservation r SET held = ARRAY(
                SELECT CASE WHEN h.counter = ANY(%(counters)s) THEN {_HELD[budget.unit]} ELSE h.held END
                FROM unnest(r.counters, r.held) WITH ORDINALITY AS h(counter, held, place) ORDER BY h.place)
            WHERE {_MINE}
            """,
            parameters,
        )
        cursor.execute(
            "SELECT 1 FROM budgets_counter WHERE id = ANY(%(counters)s) ORDER BY id FOR NO KEY UPDATE", parameters
        )
        cursor.execute("DELETE FROM budgets_unpricedhold WHERE counter_id = ANY(%(counters)s)", parameters)
        cursor.execute(_HOLD, parameters)


_HOLD = f"""
    WITH held AS (
        SELECT h.counter, sum(coalesce(h.held, r."left")) AS amount
        FROM budgets_reservation r, unnest(r.counters, r.held) AS h(counter, held) WHERE {_MINE} GROUP BY 1
    ), lacking AS (
        SELECT c.id, coalesce(h.amount, 0) - c.reserved AS amount
        FROM budgets_counter c LEFT JOIN held h ON h.counter = c.id WHERE c.id = ANY(%(counters)s)
    ), entry AS (
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls)
        SELECT id, %(kind)s, 0, amount, 0 FROM lacking WHERE amount <> 0
    )
    UPDATE budgets_counter c SET reserved = c.reserved + l.amount FROM lacking l WHERE c.id = l.id AND l.amount <> 0
"""  # noqa: S608
