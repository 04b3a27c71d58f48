"""What counters of one value of a budget's `each` have goes to those of another value, in one transaction.

Where both have a counter for the same period they are added up, by two rows of the ledger each, with what reservations
and unpriced calls hold there. A counter without a counterpart goes on under the other value, and so do alerts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.budgets.domain.states import Unit
from apps.budgets.models import Budget, Counter
from apps.budgets.selectors.matching import Rule, is_rolling, rules_of
from apps.budgets.services import recounting
from apps.budgets.services.alerting.raising import resolve_alerts
from apps.budgets.services.recrossing import KIND

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Successor:
    """A value of budgets with this `each`, the one that takes its place, and what people call that."""

    each: str
    old: str
    new: str
    label: str


_V = "unnest(%(each)s::text[], %(olds)s::text[], %(news)s::text[], %(labels)s::text[]) AS v(each, old, new, label)"
_OLD = f"""
    FROM {_V} JOIN budgets_budget b ON b.each = v.each
    JOIN budgets_counter o ON o.budget_id = b.id AND o.each_value = v.old
"""
_PAIRS = f"""
    SELECT o.id AS old_id, n.id AS new_id, o.spent, o.unpriced_calls, b.unit {_OLD}
    JOIN budgets_counter n ON n.budget_id = o.budget_id AND n.period_start = o.period_start AND n.each_value = v.new
"""
_HOLDING = """
    SELECT id, counters FROM budgets_reservation
    WHERE state = 0 AND counters && %(ids)s::bigint[]
        AND expires_at >= coalesce((SELECT expired_until FROM budgets_budgetsversion), '-infinity')
    ORDER BY id FOR UPDATE
"""
_LOCK = f"""
    SELECT c.id FROM budgets_counter c WHERE c.id IN (
        SELECT o.id {_OLD}
        UNION SELECT n.id FROM {_V} JOIN budgets_budget b ON b.each = v.each
        JOIN budgets_counter n ON n.budget_id = b.id AND n.each_value = v.new
    ) ORDER BY c.id FOR NO KEY UPDATE
"""
# A reservation that came in meanwhile stays where it is, and what it holds with it.
_MOVES = f"""
    SELECT p.old_id, p.new_id, p.spent, p.unpriced_calls, coalesce(r.amount, 0) + coalesce(u.amount, 0)
    FROM ({_PAIRS}) p
    LEFT JOIN LATERAL (
        SELECT sum(CASE WHEN p.unit = %(usd)s THEN e."left" ELSE h.held END) AS amount
        FROM budgets_reservation e, unnest(e.counters, e.held) AS h(counter, held)
        WHERE e.id = ANY(%(holding)s::bigint[]) AND h.counter = p.old_id
    ) r ON true
    LEFT JOIN LATERAL (SELECT sum(h.amount) AS amount FROM budgets_unpricedhold h WHERE h.counter_id = p.old_id) u
        ON true
    ORDER BY p.old_id
"""
_COUNTERS = f"""
    UPDATE budgets_counter c SET each_value = v.new, label = v.label
    FROM {_V} JOIN budgets_budget b ON b.each = v.each
    WHERE b.id = c.budget_id AND c.each_value = v.old AND NOT EXISTS (
        SELECT FROM budgets_counter o WHERE o.budget_id = c.budget_id AND o.period_start = c.period_start
            AND o.each_value = v.new)
"""
_ALERTS = f"""
    UPDATE budgets_alert a SET subject = a.budget_id || ':' || v.new
    FROM {_V} JOIN budgets_budget b ON b.each = v.each
    WHERE b.id = a.budget_id AND a.kind = 'budget' AND a.subject = b.id || ':' || v.old
        AND NOT EXISTS (SELECT FROM budgets_alert o WHERE o.kind = a.kind AND o.occurrence = a.occurrence
            AND o.subject = a.budget_id || ':' || v.new)
"""
_LEFT_OVER = f"""
    SELECT DISTINCT a.subject FROM {_V} JOIN budgets_budget b ON b.each = v.each
    JOIN budgets_alert a ON a.kind = 'budget' AND a.budget_id = b.id AND a.subject = b.id || ':' || v.old
    WHERE a.state <> 'resolved' ORDER BY 1
"""
_EMPTY = f"""
    SELECT o.id {_OLD} WHERE (o.spent, o.reserved, o.unpriced_calls) = (0, 0, 0)
        AND NOT EXISTS (SELECT FROM budgets_reservation r WHERE r.state = 0 AND o.id = ANY(r.counters))
"""


@dataclass(frozen=True, slots=True)
class _Move:
    """What one counter of the former value hands over to the one of the present value, for the same period."""

    old_id: int
    new_id: int
    spent: Decimal
    unpriced_calls: int
    reserved: Decimal


def hand_over(successors: Sequence[Successor]) -> bool:
    """Let what was counted under old values count under the new ones; whether there was anything under both.

    Locks reservations and then counters by their ids, as everybody does. Every process reads budgets again: what was
    about to be charged to a former value is asked for anew.
    """
    values = _values(successors)
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, values)
        if old_ids := [row[0] for row in cursor.fetchall()]:
            cursor.execute(_HOLDING, {"ids": old_ids})
            holding = dict(cursor.fetchall())
            values["holding"] = list(holding)
            cursor.execute(_LOCK, values)
            cursor.execute(_MOVES, values)
            held = {counter for counters in holding.values() for counter in counters}
            _add(cursor, [_Move(*row) for row in cursor.fetchall()], list(holding), held)
        # What has no counterpart goes on under the new value, with its alerts.
        cursor.execute(_COUNTERS, values)
        cursor.execute(_ALERTS, values)
        cursor.execute(_LEFT_OVER, values)
        left_over = [row[0] for row in cursor.fetchall()]
        cursor.execute("UPDATE budgets_budgetsversion SET version = version + 1")
    now = timezone.now()
    for subject in left_over:
        resolve_alerts(kind=KIND, subject=subject, occurrences_prefix="", now=now)
    for each in {one.each for one in successors}:
        news = sorted({one.new for one in successors if one.each == each})
        standing = Budget.objects.standing().filter(each=each).order_by("id")
        for rule in rules_of(standing):
            _carry(rule, news)
    return bool(old_ids)


def forget_empty(successors: Sequence[Successor]) -> bool:
    """Delete what stood for old values and is empty by now; false while something is held in one."""
    values = _values(successors)
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, values)
        empty = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM budgets_entry WHERE counter_id = ANY(%s)", [empty])
        cursor.execute("UPDATE budgets_budgetsversion SET version = version + 1")
        Counter.objects.filter(id__in=empty).delete()
        cursor.execute(f"SELECT EXISTS (SELECT {_OLD} WHERE o.reserved > 0)", values)
        (is_held,) = cursor.fetchone()
    return not is_held


def _values(successors: Sequence[Successor]) -> dict[str, Any]:
    return {
        "each": [one.each for one in successors],
        "olds": [one.old for one in successors],
        "news": [one.new for one in successors],
        "labels": [one.label for one in successors],
        "usd": Unit.USD,
    }


def _add(cursor: Any, moves: Sequence[_Move], holding: Sequence[int], held: set[int]) -> None:
    if not moves:
        return
    parameters = {
        "old": [one.old_id for one in moves], "new": [one.new_id for one in moves], "holding": list(holding),
    }  # fmt: skip
    pairs = "unnest(%(old)s::bigint[], %(new)s::bigint[]) AS p(old_id, new_id)"
    # One reservation holds for one agent of one project, so in one counter at most of each budget.
    for one in moves:
        if one.old_id in held:
            cursor.execute(
                "UPDATE budgets_reservation SET counters = array_replace(counters, %s, %s)"
                " WHERE id = ANY(%s::bigint[]) AND %s = ANY(counters)",
                [one.old_id, one.new_id, list(holding), one.old_id],
            )
    cursor.execute(
        f"UPDATE budgets_unpricedhold h SET counter_id = p.new_id FROM {pairs} WHERE h.counter_id = p.old_id",
        parameters,
    )
    changes = [
        (counter_id, sign * one.spent, sign * one.reserved, sign * one.unpriced_calls)
        for one in moves
        for counter_id, sign in ((one.old_id, -1), (one.new_id, 1))
    ]
    parameters = dict(zip(("ids", "spent", "reserved", "unpriced"), map(list, zip(*changes, strict=True)), strict=True))
    rows = (
        "unnest(%(ids)s::bigint[], %(spent)s::numeric[], %(reserved)s::numeric[], %(unpriced)s::bigint[])"
        " AS d(id, spent, reserved, unpriced)"
    )
    cursor.execute(
        "INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls)"
        f" SELECT id, 5, spent, reserved, unpriced FROM {rows}",
        parameters,
    )
    cursor.execute(
        "UPDATE budgets_counter c SET spent = c.spent + d.spent, reserved = c.reserved + d.reserved,"
        f" unpriced_calls = c.unpriced_calls + d.unpriced FROM {rows} WHERE c.id = d.id",
        parameters,
    )
    Counter.objects.filter(id__in=[one.old_id for one in moves]).update(carried=0, in_force=[])


def _carry(rule: Rule, values: Sequence[str]) -> None:
    if not is_rolling(rule):
        return
    rows = Counter.objects.filter(budget=rule.id, each_value__in=values).order_by("id").values_list("id", flat=True)
    ids = list(rows)
    for start in range(0, len(ids), _CHUNK):
        recounting.carry(rule=rule, counter_ids=ids[start : start + _CHUNK])
