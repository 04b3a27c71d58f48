"""How budgets stand for a call: one statement, read fresh."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.budgets.domain.cycles import Span
from apps.budgets.domain.scopes import Facts, each_label
from apps.budgets.domain.states import BudgetState, tightest_first
from apps.budgets.domain.thresholds import ceiling
from apps.budgets.selectors import matching
from apps.budgets.selectors.matching import Rule, is_rolling

_READ = """
    WITH w AS (
        SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
            WITH ORDINALITY AS x(budget_id, each_value, period_start, window_start, period, place)
    )
    SELECT w.place, c.id, c.spent, c.reserved, CASE WHEN w.period <> 'rolling' OR c.id IS NOT NULL THEN c.carried ELSE (
            SELECT sum(d.spent) FROM budgets_counter d WHERE d.budget_id = w.budget_id
                AND d.each_value = w.each_value AND d.period_start >= w.window_start AND d.period_start < w.period_start
        ) END,
        c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force,
        (SELECT coalesce(sum(r.amount), 0) FROM budgets_temporaryraise r WHERE r.budget_id = w.budget_id
            AND r.starts_at <= w.period_start AND (r.ends_at IS NULL OR r.ends_at > w.period_start)),
        (SELECT version FROM budgets_budgetsversion)
    FROM w LEFT JOIN budgets_counter c
        ON c.budget_id = w.budget_id AND c.each_value = w.each_value AND c.period_start = w.period_start
    ORDER BY w.place
"""


def budget_state(*, facts: Facts, now: datetime) -> list[BudgetState]:
    """The budgets that apply to a call of these facts, tightest first: the first one binds. One statement, read fresh.

    A budget scoped by a field the facts lack does not apply yet. A counter nobody has used yet stands at nothing.
    """
    for _ in range(3):
        known = matching.matcher()
        found = known.matching(facts, now)
        if not found:
            return []
        rows = _rows(found)
        if rows[0][-1] == known.version:
            break
        matching.forget()
    states = [_state(one, row, facts) for one, row in zip(found, rows, strict=True)]
    return tightest_first(states)


def _rows(found: Sequence[tuple[Rule, str, Span]]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _READ,
            [
                [rule.id for rule, _, _ in found],
                [value for _, value, _ in found],
                [span.start for _, _, span in found],
                [rule.cycle.window_start(span.start) for rule, _, span in found],
                [rule.cycle.period.value for rule, _, _ in found],
            ],
        )
        found_rows: list[tuple[Any, ...]] = cursor.fetchall()
        return found_rows


def _state(one: tuple[Rule, str, Span], row: Sequence[Any], facts: Facts) -> BudgetState:
    rule, value, span = one
    nothing = Decimal(0)
    state = BudgetState(
        budget_id=rule.id,
        name=rule.name,
        unit=rule.unit,
        each=rule.each,
        each_value=value,
        label=each_label(rule.each, value, facts),
        limit=rule.limit + row[10],
        raised=row[10],
        ceiling=None,
        spent=(row[2] or nothing) + (row[4] or nothing),
        reserved=row[3] or nothing,
        unpriced_calls=row[8] or 0,
        in_force=tuple(row[9] or ()),
        thresholds=rule.thresholds,
        starts_at=span.start,
        resets_at=span.end if is_rolling(rule) else rule.cycle.counted_until(span),
        paused=rule.paused,
        exempt=rule.is_exempt(facts),
        counter_id=row[1],
    )
    if row[1] is not None:
        return replace(state, limit=row[5], raised=row[6], ceiling=row[7])
    most = ceiling(rule.thresholds, state.limit, raised=state.raised, grace_percent=rule.grace_percent)
    return replace(state, ceiling=None if rule.paused else most)
