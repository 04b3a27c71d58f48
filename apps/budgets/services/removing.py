"""What goes with projects that are removed, beside their budgets and counters, which go by themselves."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.budgets.models import Alert

_ENTRIES = """
    DELETE FROM budgets_entry e USING budgets_counter c JOIN budgets_budget b ON b.id = c.budget_id
    WHERE e.counter_id = c.id AND b.project_id = ANY(%s)
"""


def forget_projects(*, project_ids: Sequence[int], **_: Any) -> None:
    """Remove alerts, the ledger, reservations and what unpriced calls hold, in the transaction of the removal."""
    Alert.objects.filter(project_id__in=project_ids).delete()
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [list(project_ids)])
        for table in ("budgets_reservation", "budgets_unpricedhold"):
            cursor.execute(f"DELETE FROM {table} WHERE project_id = ANY(%s)", [list(project_ids)])
