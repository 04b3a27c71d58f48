"""What was counted for an agent that is merged into another goes on with the other's: counters, holds, ledger, alerts.

In the transaction of the merge the counters of every agent are added together, by the ledger. Budgets that name an
agent in their scope are counted anew right after it, their past periods by a sweep. What is charged from then on goes
by the present name. A process that charges at that very moment by what it knew before has what it charged put right by
the recounts, as after any change of a budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.access.models import Agent, AgentMerge
from apps.access.services.merges import bind_keys_again
from apps.budgets.domain.states import Unit
from apps.budgets.models import Budget, Counter
from apps.budgets.selectors import matching
from apps.budgets.selectors.matching import is_rolling, rules_of
from apps.budgets.services import recounting
from apps.budgets.services.alerting.raising import resolve_alerts
from apps.budgets.services.proving import counters_of
from apps.budgets.services.recrossing import KIND
from apps.budgets.services.renaming import follow_agent
from apps.budgets.services.tending import RECENT, begin_counting, evaluate

SETTLES_AFTER = RECENT + timedelta(minutes=1)
"""By then nobody charges by what was known before a merge."""
_CHUNK = 1_000
_COUNT_SECONDS = 5
_PAIRS = """
    SELECT o.id AS old_id, n.id AS new_id, o.spent, o.unpriced_calls, b.unit
    FROM budgets_counter o JOIN budgets_budget b ON b.id = o.budget_id AND b.each = 'agent'
    JOIN budgets_counter n ON n.budget_id = o.budget_id AND n.period_start = o.period_start AND n.each_value = %(new)s
    WHERE o.each_value = %(old)s
"""
_HOLDING = """
    SELECT id FROM budgets_reservation
    WHERE state = 0 AND counters && %(ids)s::bigint[]
        AND expires_at >= coalesce((SELECT expired_until FROM budgets_budgetsversion), '-infinity')
    ORDER BY id FOR UPDATE
"""
_LOCK = """
    SELECT c.id FROM budgets_counter c JOIN budgets_budget b ON b.id = c.budget_id
    WHERE b.each = 'agent' AND c.each_value IN (%(old)s, %(new)s) ORDER BY c.id FOR NO KEY UPDATE OF c
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
_EMPTY = """
    SELECT c.id FROM budgets_counter c JOIN budgets_budget b ON b.id = c.budget_id
    WHERE b.each = 'agent' AND c.each_value = %(old)s AND (c.spent, c.reserved, c.unpriced_calls) = (0, 0, 0)
        AND NOT EXISTS (SELECT FROM budgets_reservation r WHERE r.state = 0 AND c.id = ANY(r.counters))
"""


@dataclass(frozen=True, slots=True)
class _Move:
    """What one counter of the former name hands over to the one of the present name, for the same period."""

    old_id: int
    new_id: int
    spent: Decimal
    unpriced_calls: int
    reserved: Decimal


def merge_counters(*, project_id: int, before: str, after: str, **_: Any) -> None:
    """Add what was counted for an agent to what the other has, in the transaction of the merge."""
    _move(project_id, before, after)
    transaction.on_commit(partial(_count_now, f"the agent {before} was merged into {after}"))


def follow_renamed(*, project_id: int, before: str, after: str, **_: Any) -> None:
    """Let what was counted for the former name go on, in the transaction of the renaming.

    There may be counters for the new one still, which it or one that was merged into it had: then they become one.
    """
    if before != after and _move(project_id, before, after):
        transaction.on_commit(partial(_count_now, f"the agent {before} is called {after}"))


def _move(project_id: int, before: str, after: str) -> bool:
    """Let what was counted under one name count under the other; whether there was anything under both.

    Locks reservations and then counters by their ids, as everybody does.
    """
    values: dict[str, Any] = {"old": f"{project_id}:{before}", "new": f"{project_id}:{after}", "usd": Unit.USD}
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, values)
        if old_ids := [row[0] for row in cursor.fetchall()]:
            cursor.execute(_HOLDING, {"ids": old_ids})
            values["holding"] = [row[0] for row in cursor.fetchall()]
            cursor.execute(_LOCK, values)
            cursor.execute(_MOVES, values)
            _hand_over(cursor, [_Move(*row) for row in cursor.fetchall()], values["holding"])
    # What has no counterpart goes on under the name of the other one, with its alerts.
    follow_agent(project_id=project_id, before=before, after=after)
    now = timezone.now()
    for budget in Budget.objects.filter(each="agent").order_by("id"):
        resolve_alerts(kind=KIND, subject=f"{budget.pk}:{values['old']}", occurrences_prefix="", now=now)
        if budget.deleted_at is None:
            _carry(budget, values["new"])
    return bool(old_ids)


def _hand_over(cursor: Any, moves: Sequence[_Move], holding: Sequence[int]) -> None:
    if not moves:
        return
    parameters = {
        "old": [one.old_id for one in moves], "new": [one.new_id for one in moves], "holding": list(holding),
    }  # fmt: skip
    pairs = "unnest(%(old)s::bigint[], %(new)s::bigint[]) AS p(old_id, new_id)"
    # One reservation holds for one agent, so in one counter at most of each budget.
    for one in moves:
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


def _carry(budget: Budget, value: str) -> None:
    rule = rules_of([budget])[0]
    if is_rolling(rule):
        ids = Counter.objects.filter(budget=budget, each_value=value).order_by("id").values_list("id", flat=True)
        recounting.carry(rule=rule, counter_ids=list(ids))


def _concerned() -> list[Budget]:
    """The standing budgets to which it matters which agent a call is of."""
    standing = list(Budget.objects.standing().order_by("id"))
    ids = {rule.id for rule in rules_of(standing) if rule.asks_for_agents}
    return [budget for budget in standing if budget.pk in ids]


def _count_now(because: str, *, patient: bool = False) -> None:
    """The present period of the budgets concerned; what takes longer than people wait for is left to the sweep.

    Of those with a counter for every agent, which were added up already, it is enough to say what holds now.
    """
    matching.forget()
    until = monotonic() + _COUNT_SECONDS
    concerned = Budget.objects.filter(id__in=[budget.pk for budget in _concerned()]).order_by("id")
    named = [budget.pk for budget in concerned if "agent" in budget.scope]
    concerned.update(changed_at=timezone.now())
    concerned.filter(id__in=named).update(recounted_at=None)
    for budget in concerned.all():
        if not patient and monotonic() > until:
            break
        if budget.pk not in named or begin_counting(budget=budget, patient=patient):
            evaluate(budget=budget, because=because)


def settle_merges(*, now: datetime) -> int:
    """Count budgets anew after merges, also in past periods, once at once and once when everybody knows of the merge.

    Then nothing is charged to counters of former names any more, and they go. How many merges there was something to do
    for. Safe to run twice, and to be stopped at any point.
    """
    waiting = AgentMerge.objects.filter(settled_at=None).select_related("into").order_by("merged_at")
    due = [one for one in waiting if one.counted_at is None or one.merged_at <= now - SETTLES_AFTER]
    if not due:
        return 0
    bind_keys_again()
    for one in due:
        if one.counted_at is None:
            _count_now(f"the agent {one.name} was merged into {one.into.name}", patient=True)
    for rule in rules_of(_concerned()):
        ids = counters_of(rule, now)
        for start in range(0, len(ids), _CHUNK):
            recounting.recount(rule=rule, counter_ids=ids[start : start + _CHUNK])
            if is_rolling(rule):
                recounting.carry(rule=rule, counter_ids=ids[start : start + _CHUNK])
    for one in due:
        is_over = one.merged_at <= now - SETTLES_AFTER and _forget_counters(one)
        AgentMerge.objects.filter(agent=one.agent_id).update(counted_at=now, settled_at=now if is_over else None)
    return len(due)


@transaction.atomic
def _forget_counters(one: AgentMerge) -> bool:
    """Delete what stood for a former name and is empty by now; false while something is left in one.

    An agent may have been given that name meanwhile: then they are its counters.
    """
    if Agent.objects.standing().filter(project=one.into.project_id, name=one.name).exists():
        return True
    old = f"{one.into.project_id}:{one.name}"
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, {"old": old})
        empty = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM budgets_entry WHERE counter_id = ANY(%s)", [empty])
        cursor.execute("UPDATE budgets_budgetsversion SET version = version + 1")
    Counter.objects.filter(id__in=empty).delete()
    return not Counter.objects.filter(budget__each="agent", each_value=old, reserved__gt=0).exists()
