"""Charging usage to budgets, in the transaction that stores it: a few statements a batch, never one a record.

Before the transaction: 1. records are added up by cell, quarter-hour and whatever else any budget asks for, 2. each of
these groups is matched with the budgets once, 3. counters that are not there yet are opened. In it: one statement moves
the reservations and counters, and thresholds that are crossed raise their alerts.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from msgspec.structs import replace

from apps.access.domain.identity import Caller
from apps.access.services.places import other_rows
from apps.access.statements import Rows, prepared, wait_for_log
from apps.budgets.domain.cycles import Span
from apps.budgets.domain.scopes import Facts, conversations_of, each_label, each_value
from apps.budgets.domain.states import BudgetState, Unit, tightest_first
from apps.budgets.extension_points import tier_ceiling
from apps.budgets.models import Counter, Reservation
from apps.budgets.selectors import matching
from apps.budgets.selectors.lively import idle_since
from apps.budgets.selectors.matching import Matcher, Place, Rule, is_rolling
from apps.budgets.selectors.standing import state_of
from apps.budgets.services.crossing import note_crossings
from apps.budgets.services.grouping import Spans, Sums, groups_of
from apps.budgets.services.opening import Wanted, known_counters, open_counters
from apps.budgets.services.statements import CHARGE, CHARGE_IN_ONE, STALE
from apps.costs.domain.pricing import femto_of, usd_text
from apps.costs.extension_points import ChangedMeanwhile, Charge, ChargeNow
from apps.costs.services.ingest.literals import array, text_array

_THOUSANDTH = Decimal("0.001")
_FEMTO = Decimal(1).scaleb(-15)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the records of a batch did to one reservation. `final` frees what is left of it."""

    project_id: int
    public_id: str
    cost: int
    final: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """An unpriced call, the place it is charged to, and the most it may have cost, in femto-dollars."""

    project_id: int
    usage_id: str
    place: Place
    amount: int


@dataclass(slots=True)
class Charged:
    """Everything a batch does to budgets."""

    places: dict[Place, tuple[Wanted, Sums]]
    settlements: Sequence[Settlement] = ()
    holds: Sequence[Hold] = ()


def prepare(caller: Caller, fields: Collection[str], charges: Callable[[], Sequence[Charge]]) -> ChargeNow | None:
    """What the extension point calls before a batch is stored: None when no budget and no reservation is concerned."""
    known = matching.matcher()
    settles = "reservation_id" in fields
    if not known.rules and not settles:
        return None
    rows = charges()
    charged = _matched(known, rows)
    if settles:
        charged.settlements = _where_they_are(_settlements(rows))
    if not charged.places and not charged.settlements:
        return None
    placed = [wanted for wanted, _ in charged.places.values()]
    ids = open_counters([*placed, *_days_after(placed, timezone.now()).values()], version=known.version)

    def charge_now() -> Sequence[Mapping[str, Any]]:
        try:
            states = move(known, charged, ids, now=timezone.now())
        except ChangedMeanwhile:
            matching.forget()
            raise
        return [state.told() for state in tightest_first(states)]

    return charge_now


def _matched(known: Matcher, rows: Sequence[Charge]) -> Charged:
    charged = Charged({})
    if not known.rules:
        return charged
    groups, spans = groups_of(known, rows), Spans(known)
    known.learn({group.first.cell_id for group in groups})
    for group in groups:
        one, facts = group.first, None
        cell = known.cells[one.cell_id]
        for rule in known.of_cell[one.cell_id]:
            # Facts of the record are made only where a budget asks for more of it than its cell and conversation.
            if rule.id in known.of_conversations:
                name = one.fields.conversation_id
                value = f"{conversations_of(cell)}:{name}" if name and cell.project_id is not None else None
            else:
                facts = facts or _facts(known, one)
                value = each_value(rule.each, facts) if rule.scope.covers_rest(facts) else None
            span = spans.of(rule, one) if value is not None else None
            if value is None or span is None:
                continue
            place = Place(rule.id, value, span.start)
            found = charged.places.get(place)
            if found is None:
                label = one.fields.conversation_id if facts is None else each_label(rule.each, value, facts)
                found = charged.places[place] = (Wanted(rule, value, label, span), Sums())
            found[1].add(group.sums)
            found[1].seen(one.occurred_at)
    if tier_ceiling.registered and any(group.sums.unpriced for group in groups):
        charged.holds = _holds(known, rows, charged)
    return charged


def _facts(known: Matcher, one: Charge) -> Facts:
    usage = one.fields
    return replace(
        known.cells[one.cell_id], key_id=one.key_id, user=usage.user, tool=usage.tool,
        conversation=usage.conversation_id, tags=usage.tags or {},
    )  # fmt: skip


def _place_of(rule: Rule, facts: Facts, at: datetime) -> Place | None:
    """The counter of a budget that covers a cell, for a record of it; None when it does not cover the record."""
    value = each_value(rule.each, facts) if rule.scope.covers_rest(facts) else None
    span: Span | None = rule.counting(at) if value is not None else None
    return None if value is None or span is None else Place(rule.id, value, span.start)


def _holds(known: Matcher, rows: Sequence[Charge], charged: Charged) -> list[Hold]:
    """Unpriced calls whose tier says what they may cost at most: that much is held until they are priced."""
    found = []
    for one in rows:
        cell = known.cells[one.cell_id]
        if one.cost is not None:
            continue
        amount = most_of(cell.tier, (one.fields.input_tokens or 0) + (one.fields.output_tokens or 0))
        if amount is None:
            continue
        facts = _facts(known, one)
        for rule in known.of_cell[one.cell_id]:
            place = _place_of(rule, facts, one.occurred_at) if rule.unit == Unit.USD else None
            if place is not None:
                found.append(Hold(one.project_id, one.usage_id, place, amount))
                charged.places[place][1].held += amount
    return found


def most_of(tier: str | None, tokens: int) -> int | None:
    """What so many tokens may cost at most in a tier, in femto-dollars; None where nothing says so."""
    most = tier_ceiling.registered(tier) if tier_ceiling.registered and tier and tokens else None
    return None if most is None else femto_of(format((most * tokens * _THOUSANDTH).quantize(_FEMTO), "f"))


def _settlements(rows: Sequence[Charge]) -> list[Settlement]:
    """By reservation: the cost of its records, and whether any of them is the last."""
    found: dict[tuple[int, str], tuple[int, bool]] = {}
    for one in rows:
        name = one.fields.reservation_id
        if name:
            cost, final = found.get((one.project_id, name), (0, False))
            found[one.project_id, name] = (cost + (one.cost or 0), final or one.fields.reservation_final)
    return [Settlement(*key, *value) for key, value in sorted(found.items())]


def _where_they_are(settlements: list[Settlement]) -> list[Settlement]:
    """A reservation may have been made under another name of a project that was merged: then it is settled there."""
    others = {project_id: other_rows(project_id) for project_id in {one.project_id for one in settlements}}
    names = [one.public_id for one in settlements if others[one.project_id]]
    if not names:
        return settlements
    among = {row for rows in others.values() for row in rows} | {one for one, rows in others.items() if rows}
    made = Reservation.objects.filter(project_id__in=among, public_id__in=names)
    known = set(made.values_list("project_id", "public_id"))
    found: dict[tuple[int, str], Settlement] = {}
    for one in settlements:
        rows = (one.project_id, *others[one.project_id])
        row = next((row for row in rows if (row, one.public_id) in known), one.project_id)
        before = found.get((row, one.public_id))
        cost, final = (before.cost, before.final) if before else (0, False)
        found[row, one.public_id] = Settlement(row, one.public_id, cost + one.cost, final or one.final)
    return [found[key] for key in sorted(found)]


_Placed = tuple[int, Wanted, Sums]


def move(known: Matcher, charged: Charged, ids: Mapping[Place, int], *, now: datetime) -> list[BudgetState]:
    """Carry a charge out in this transaction and give the states of the counters. May raise ChangedMeanwhile."""
    placed = sorted(((ids[place], *pair) for place, pair in charged.places.items()), key=itemgetter(0))
    rows = {row[0]: row for row in _in_one(known, charged, placed) or _in_any(known, charged, placed)}
    if any(row[-1] for row in rows.values()):
        transaction.on_commit(wait_for_log)
    if STALE in rows:
        raise ChangedMeanwhile
    _keep_holds(charged.holds, ids)
    states = [state_of_row(wanted, rows[counter_id]) for counter_id, wanted, _ in placed]
    silent = _over(placed, now)
    for state, days in _carried_to(placed, now):
        states.append(state)
        silent |= {state.counter_id} if days <= silent else set()
    states = note_crossings(states=states, rules=known.by_id, now=now, silent=silent)
    return [state for state in states if state.starts_at <= now and (state.resets_at is None or now < state.resets_at)]


def _in_one(known: Matcher, charged: Charged, placed: Sequence[_Placed]) -> Rows:
    """What settles one call in its one budget; no row where that does not hold."""
    if len(placed) != 1 or len(charged.settlements) != 1:
        return []
    ((counter_id, wanted, sums),), (settled,) = placed, charged.settlements
    if sums.held or is_rolling(wanted.rule):
        return []
    values = {
        "version": known.version, "counter": counter_id, "spent": Decimal(sums.in_unit(wanted.rule.unit)),
        "unpriced": sums.unpriced, "project": settled.project_id, "public_id": settled.public_id,
        "cost": Decimal(usd_text(settled.cost)), "final": settled.final,
    }  # fmt: skip
    return prepared(CHARGE_IN_ONE, values)


def _in_any(known: Matcher, charged: Charged, placed: Sequence[_Placed]) -> Rows:
    # Even of today: a record a little ahead of our clock may have opened tomorrow already.
    later = [(counter_id, wanted) for counter_id, wanted, _ in placed if is_rolling(wanted.rule)]
    values = {
        "version": known.version,
        "counters": array([counter_id for counter_id, _, _ in placed]),
        "spent": array([sums.in_unit(wanted.rule.unit) for _, wanted, sums in placed]),
        "holds": array([usd_text(sums.held) for _, _, sums in placed]),
        "unpriced": array([sums.unpriced for _, _, sums in placed]),
        "later_of": array([counter_id for counter_id, _ in later]),
        "later_from": array([wanted.span.start for _, wanted in later]),
        "later_until": array([wanted.rule.cycle.counted_until(wanted.span) for _, wanted in later]),
        "projects": array([one.project_id for one in charged.settlements]),
        "public_ids": text_array([one.public_id for one in charged.settlements]),
        "costs": array([usd_text(one.cost) for one in charged.settlements]),
        "final": array([one.final for one in charged.settlements]),
    }
    return prepared(CHARGE, values)


def _days_after(wanted: Iterable[Wanted], now: datetime) -> dict[Place, Wanted]:
    """By a past day of a rolling budget whose spending still counts: today, which carries it."""
    found = {}
    for one in wanted:
        if not is_rolling(one.rule) or (one.span.end is not None and one.span.end > now):
            continue
        until = one.rule.cycle.counted_until(one.span)
        if until is not None and until > now:
            found[one.place] = replace(one, span=one.rule.cycle.span(now))
    return found


def _carried_to(placed: Sequence[_Placed], now: datetime) -> list[tuple[BudgetState, set[int]]]:
    """How each today stands, if it is open, that carries what was charged to days before; and their counters."""
    ids = {wanted.place: counter_id for counter_id, wanted, _ in placed}
    after = _days_after([wanted for _, wanted, _ in placed], now)
    today = {one.place: one for one in after.values() if one.place not in ids}
    if not today:
        return []
    opened = known_counters(list(today))
    counters = Counter.objects.in_bulk(opened.values())
    return [
        (
            state_of(one.rule, one.span, counters[opened[place]]),
            {ids[day] for day, carries in after.items() if carries.place == place},
        )
        for place, one in today.items()
        if place in opened
    ]


def _over(placed: Sequence[_Placed], now: datetime) -> frozenset[int | None]:
    """Counters of conversations that were over when this was reported, as by an import: nobody has to hear of them."""
    since = idle_since(now)
    return frozenset(
        counter_id
        for counter_id, wanted, sums in placed
        if wanted.rule.each == "conversation" and sums.newest is not None and sums.newest < since
    )


def _keep_holds(holds: Sequence[Hold], ids: Mapping[Place, int]) -> None:
    if not holds:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO budgets_unpricedhold (project_id, usage_id, counter_id, amount)"
            " SELECT * FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::numeric[])",
            [
                [one.project_id for one in holds],
                [one.usage_id for one in holds],
                [ids[one.place] for one in holds],
                [usd_text(one.amount) for one in holds],
            ],
        )


def state_of_row(wanted: Wanted, row: Sequence[Any], *, exempt: bool = False) -> BudgetState:
    """A state from the columns budgets_charge returns."""
    rule = wanted.rule
    return BudgetState(
        budget_id=rule.id,
        name=rule.name,
        unit=rule.unit,
        each=rule.each,
        each_value=wanted.each_value,
        label=wanted.label,
        limit=row[4],
        raised=row[5],
        ceiling=row[6],
        spent=row[1] + row[3],
        reserved=row[2],
        unpriced_calls=row[7],
        in_force=tuple(row[8]),
        thresholds=rule.thresholds,
        starts_at=wanted.span.start,
        resets_at=rule.cycle.counted_until(wanted.span) if not is_rolling(rule) else wanted.span.end,
        paused=rule.paused,
        exempt=exempt,
        counter_id=row[0],
    )
