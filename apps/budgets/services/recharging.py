"""Correcting counters when records are billed otherwise, in the transaction that does so.

Calls that are priced now hold no longer what their tier costs at most; calls that lose their price, as when a run of
re-rating is undone, hold it again.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db import connection
from django.utils import timezone
from msgspec.structs import replace

from apps.budgets.domain.scopes import Facts, each_label, each_value
from apps.budgets.domain.states import Unit
from apps.budgets.models import EntryKind
from apps.budgets.selectors import matching
from apps.budgets.selectors.matching import Matcher, Place
from apps.budgets.services.charging import Charged, Hold, most_of, move
from apps.budgets.services.grouping import Sums
from apps.budgets.services.opening import Wanted, known_counters
from apps.costs.domain.pricing import femto_of
from apps.costs.extension_points import ChangedMeanwhile, Recharge

_TRIES = 5


def recharge(rows: Sequence[Recharge]) -> None:
    """What the extension point calls: counters that are open get the differences, and unpriced calls their price.

    A counter that is not open yet will be opened with what the records say by then.
    """
    for _ in range(_TRIES):
        known = matching.matcher(fresh=True)
        charged = _matched(known, rows) if known.rules else Charged({})
        ids = known_counters(list(charged.places)) if charged.places else {}
        charged.places = {place: pair for place, pair in charged.places.items() if place in ids}
        freed = _free_holds(charged, ids, rows)
        charged.holds = [one for one in charged.holds if one.place in ids]
        try:
            if charged.places:
                move(known, charged, ids, now=timezone.now())
        except ChangedMeanwhile:
            matching.forget()
            continue
        _forget_holds(rows, freed)
        return
    raise ChangedMeanwhile


def _matched(known: Matcher, rows: Sequence[Recharge]) -> Charged:
    charged = Charged({})
    known.learn({one.cell_id for one in rows})
    holds: list[Hold] = []
    names = _label_names({number for one in rows for number in (one.user_id, one.tool_id) if number})
    for one in rows:
        facts = _facts(known, one, names)
        sums = Sums(
            cost=(one.after or 0) - (one.before or 0),
            unpriced=one.calls * ((one.after is None) - (one.before is None)),
        )
        held = most_of(facts.tier, one.tokens) if one.after is None and one.before is not None else None
        for rule in known.of_cell[one.cell_id]:
            if not rule.scope.covers_rest(facts):
                continue
            value = each_value(rule.each, facts)
            span = rule.counting(one.occurred_at)
            if value is None or span is None:
                continue
            wanted = Wanted(rule, value, each_label(rule.each, value, facts), span)
            there = charged.places.setdefault(wanted.place, (wanted, Sums()))[1]
            there.add(sums)
            there.seen(one.occurred_at)
            if held and rule.unit == Unit.USD:
                holds.append(Hold(one.project_id, one.usage_id, wanted.place, held))
                there.held += held
    charged.holds = holds
    return charged


def _facts(known: Matcher, one: Recharge, names: Mapping[int, str]) -> Facts:
    return replace(
        known.cells[one.cell_id],
        key_id=one.key_id,
        user=names.get(one.user_id),
        tool=names.get(one.tool_id),
        conversation=one.conversation_id,
        tags=one.tags,
    )


def _label_names(ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM costs_label WHERE id = ANY(%s)", [list(ids)])
        return dict(cursor.fetchall())


def _free_holds(charged: Charged, ids: Mapping[Place, int], rows: Sequence[Recharge]) -> list[int]:
    """Take out of reserved what was held for calls that are priced now; the counters where that is done."""
    priced = [one for one in rows if one.before is None and one.after is not None]
    if not priced or not ids:
        return []
    places = {counter_id: place for place, counter_id in ids.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.counter_id, sum(h.amount) FROM budgets_unpricedhold h"
            " JOIN unnest(%s::int[], %s::text[]) AS w(project_id, usage_id) USING (project_id, usage_id) GROUP BY 1",
            [[one.project_id for one in priced], [one.usage_id for one in priced]],
        )
        held: list[tuple[int, Decimal]] = cursor.fetchall()
    here = [(counter_id, places[counter_id], amount) for counter_id, amount in held if counter_id in places]
    for _, place, amount in here:
        charged.places[place][1].held -= femto_of(f"{amount:f}")
    return [counter_id for counter_id, *_ in here]


def _forget_holds(rows: Sequence[Recharge], freed: Sequence[int]) -> None:
    """Holds of calls that are priced end, also in counters of budgets that were changed or deleted since."""
    priced = [one for one in rows if one.before is None and one.after is not None]
    if priced:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH gone AS (
                    DELETE FROM budgets_unpricedhold h USING unnest(%s::int[], %s::text[]) AS w(project_id, usage_id)
                    WHERE h.project_id = w.project_id AND h.usage_id = w.usage_id RETURNING h.counter_id, h.amount
                ), left_over AS (
                    SELECT counter_id, sum(amount) AS amount FROM gone WHERE counter_id <> ALL(%s) GROUP BY 1
                ), entry AS (
                    INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls)
                    SELECT counter_id, %s, 0, -amount, 0 FROM left_over
                )
                UPDATE budgets_counter c SET reserved = c.reserved - o.amount FROM left_over o WHERE c.id = o.counter_id
                """,
                [
                    [one.project_id for one in priced],
                    [one.usage_id for one in priced],
                    list(freed),
                    int(EntryKind.RELEASE),
                ],
            )
