"""Counters of every agent are kept by name: those of an agent that is renamed go on under its new one, with alerts."""

from typing import Any

from django.db import connection

_COUNTERS = """
    UPDATE budgets_counter c SET each_value = %(new)s, label = %(name)s FROM budgets_budget b
    WHERE b.id = c.budget_id AND b.each = 'agent' AND c.each_value = %(old)s AND NOT EXISTS (
        SELECT FROM budgets_counter o WHERE o.budget_id = c.budget_id AND o.period_start = c.period_start
            AND o.each_value = %(new)s)
"""
_ALERTS = """
    UPDATE budgets_alert a SET subject = a.budget_id || ':' || %(new)s FROM budgets_budget b
    WHERE b.id = a.budget_id AND b.each = 'agent' AND a.kind = 'budget' AND a.subject = b.id || ':' || %(old)s
        AND NOT EXISTS (SELECT FROM budgets_alert o WHERE o.kind = a.kind AND o.occurrence = a.occurrence
            AND o.subject = a.budget_id || ':' || %(new)s)
"""


def follow_agent(*, project_id: int, before: str, after: str, **_: Any) -> None:
    """Let what was counted for the former name go on, where nothing is for the new one.

    Every process reads budgets again: what was about to be charged to the former name is asked for anew.
    """
    values = {"old": f"{project_id}:{before}", "new": f"{project_id}:{after}", "name": after}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTERS, values)
        cursor.execute(_ALERTS, values)
        cursor.execute("UPDATE budgets_budgetsversion SET version = version + 1")
