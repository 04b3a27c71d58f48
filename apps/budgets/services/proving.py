"""The nightly proof of the books of budgets: ledger = counters = what the calls cost. What differs is put right.

1. A counter is the sum of its ledger rows, and what it holds is what its open reservations and unpriced calls hold.
2. A counter of a period that is kept has what the books of costs say; a recount adds the difference with a ledger row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from apps.budgets.domain.cycles import Span
from apps.budgets.models import Budget, Counter
from apps.budgets.selectors.matching import Rule, is_rolling, rules_of
from apps.budgets.services import recounting

_LOOK_BACK = timedelta(days=40)
_CHUNK = 1_000
_MOST = 50_000


@dataclass(frozen=True, slots=True)
class BooksRun:
    """What the proof found."""

    counters: int
    unbalanced: int
    corrected: int
    at: datetime

    @property
    def is_balanced(self) -> bool:
        """True if nothing differed."""
        return not self.unbalanced and not self.corrected

    @property
    def words(self) -> str:
        """For the Health page."""
        when = f"last checked {self.at:%Y-%m-%d %H:%M} UTC, {self.counters:,} counters"
        if self.is_balanced:
            return f"books balance, {when}"
        found = []
        if self.unbalanced:
            found.append(f"{self.unbalanced:,} counters differ from their ledger")
        if self.corrected:
            found.append(f"{self.corrected:,} counters differed from the calls and were put right")
        return f"{' and '.join(found)}, {when}"


def prove_books(*, now: datetime) -> BooksRun:
    """Prove every counter of the last 40 days, and correct those that differ from the calls. Safe to run twice."""
    unbalanced = len(unbalanced_counters())
    counters = corrected = 0
    for rule in rules_of(Budget.objects.standing().order_by("id")):
        ids = counters_of(rule, now)
        counters += len(ids)
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            corrected += len(recounting.recount(rule=rule, counter_ids=chunk))
            if is_rolling(rule):
                corrected += recounting.carry(rule=rule, counter_ids=chunk)
    return BooksRun(counters, unbalanced, corrected, now)


def counters_of(rule: Rule, now: datetime) -> list[int]:
    """The counters of the last 40 days that are periods of the budget as it is now.

    What it was before it was changed cannot be counted again.
    """
    rows = Counter.objects.filter(budget_id=rule.id).exclude(period_end__lt=now - _LOOK_BACK).order_by("-id")[:_MOST]
    return [
        row.pk
        for row in rows
        if rule.counting(row.period_start if rule.counted_since is None else max(row.period_start, rule.counted_since))
        is not None
        and rule.cycle.span(row.period_start) == Span(row.period_start, row.period_end)
    ]


def unbalanced_counters() -> list[int]:
    """Counters that are not the sum of their ledger, or hold other than what is held for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id
            FROM budgets_counter c JOIN budgets_budget b ON b.id = c.budget_id
            LEFT JOIN (SELECT counter_id, sum(spent) AS spent, sum(reserved) AS reserved,
                sum(unpriced_calls) AS unpriced FROM budgets_entry GROUP BY 1) e ON e.counter_id = c.id
            LEFT JOIN (SELECT h.counter, sum(r."left") AS usd, sum(h.held) FILTER (WHERE r.state = 0) AS other
                FROM budgets_reservation r, unnest(r.counters, r.held) AS h(counter, held) GROUP BY 1) r
                ON r.counter = c.id
            LEFT JOIN (SELECT counter_id, sum(amount) AS amount FROM budgets_unpricedhold GROUP BY 1) u
                ON u.counter_id = c.id
            WHERE (c.spent, c.reserved, c.unpriced_calls)
                    IS DISTINCT FROM (coalesce(e.spent, 0), coalesce(e.reserved, 0), coalesce(e.unpriced, 0))
                OR c.reserved <> CASE WHEN b.unit = 'usd' THEN coalesce(r.usd, 0) ELSE coalesce(r.other, 0) END
                    + coalesce(u.amount, 0)
            ORDER BY c.id
            """
        )
        return [row[0] for row in cursor.fetchall()]
