"""The newest rows a budget's present period is the sum of: what is held now, and what was spent or put right."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.budgets.models import Entry
from apps.budgets.selectors.standing import Standing

_MOST = 20
_NEWEST_HELD = 2_000
"""Among so many of all reservations those of one budget are looked for: somebody waits for the page."""
_HELD = """
    SELECT r.made_at, c.label, coalesce(h.held, r."left")
    FROM (SELECT * FROM budgets_reservation WHERE state = 0 AND expires_at > now()
        ORDER BY expires_at DESC LIMIT %(newest)s) r
    CROSS JOIN LATERAL unnest(r.counters, r.held) AS h(counter, held)
    JOIN budgets_counter c ON c.id = h.counter
    WHERE c.budget_id = %(budget)s AND c.period_start = %(start)s AND coalesce(h.held, r."left") > 0
    ORDER BY r.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """A row: what it is, the label of the counter it is in, and what it adds to spent or to reserved."""

    at: datetime
    kind: str
    label: str
    spent: Decimal | None
    reserved: Decimal | None


def newest_movements(one: Standing) -> list[Movement]:
    """The newest of the present period, newest first."""
    parameters: dict[str, Any] = {
        "newest": _NEWEST_HELD, "budget": one.budget.pk, "start": one.span.start, "most": _MOST,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_HELD, parameters)
        held = [Movement(at, "Held", label, None, amount) for at, label, amount in cursor.fetchall()]
    rows = Entry.objects.filter(counter__budget=one.budget, counter__period_start=one.span.start)
    moved = [
        Movement(row.made_at, row.get_kind_display(), row.counter.label, row.spent, None)
        for row in rows.select_related("counter").order_by("-id")[:_MOST]
    ]
    return sorted(held + moved, key=lambda found: found.at, reverse=True)[:_MOST]
