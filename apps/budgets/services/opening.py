"""Opening counters: each period of a budget is opened at its first use, with what was used of it before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from apps.access.statements import prepared
from apps.budgets.domain.cycles import Span
from apps.budgets.domain.thresholds import ceiling, kept
from apps.budgets.models import Budget, Counter, TemporaryRaise
from apps.budgets.selectors.matching import Place, Rule, is_rolling
from apps.budgets.selectors.standing import state_of
from apps.budgets.services import recounting
from apps.budgets.services.crossing import note_crossings
from apps.costs.services.ingest.literals import array, text_array

_MOST_REMEMBERED = 50_000
_ids: dict[Place, int] = {}
_of_version = 0
"""The version of the budgets for which they are remembered: counters that go raise it."""


class Wanted(msgspec.Struct, frozen=True):
    """A counter that is to be there: its budget, value with the words for it, and period."""

    rule: Rule
    each_value: str
    label: str
    span: Span

    @property
    def place(self) -> Place:
        """Its name."""
        return Place(self.rule.id, self.each_value, self.span.start)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a counter goes by: its limit with raises, what it was raised by, and what may not be exceeded."""

    limit: Decimal
    raised: Decimal
    ceiling: Decimal | None


def forget() -> None:
    """Drop what the process remembers: for tests, and after rows were removed under it."""
    _ids.clear()


def open_counters(wanted: Collection[Wanted], *, version: int | None = None, judged: bool = False) -> dict[Place, int]:
    """The ids of these counters, opened where missing, each with what was used of it so far.

    Call it before anything that it is to count is written. Inside of a transaction nothing is remembered. `version` is
    that of the budgets their rules are of: with it, what is new is opened more quickly. With `judged`, thresholds that
    what was used has reached hold at once; whoever goes on to charge or to evaluate them sees to that afterwards.
    """
    _forget_other_versions(version)
    found: dict[Place, int] = {}
    missing = []
    for one in wanted:
        place = one.place
        if (known := _ids.get(place)) is None:
            missing.append(one)
        else:
            found[place] = known
    if missing:
        opened = _opened(missing, version, judged)
        found |= opened
        if not connection.in_atomic_block:
            if len(_ids) + len(opened) > _MOST_REMEMBERED:
                _ids.clear()
            _ids.update(opened)
    return found


def _forget_other_versions(version: int | None) -> None:
    global _of_version
    if version is not None and version != _of_version:
        _ids.clear()
        _of_version = version


def _opened(wanted: Sequence[Wanted], version: int | None, judged: bool) -> dict[Place, int]:
    ids = known_counters([one.place for one in wanted])
    missing = [one for one in wanted if one.place not in ids]
    if version is not None and (met := [one for one in missing if _may_be_met_first(one.rule)]):
        ids |= _open_new(met, version)
        missing = [one for one in missing if one.place not in ids]
    if missing:
        with transaction.atomic():
            ids |= _insert(missing, judged)
        if raced := [one.place for one in missing if one.place not in ids]:
            ids |= known_counters(raced)
    return ids


def known_counters(places: Sequence[Place]) -> dict[Place, int]:
    """The ids of those of these counters that are open."""
    values = [
        array([place.budget_id for place in places]),
        text_array([place.each_value for place in places]),
        array([place.period_start for place in places]),
    ]
    return {Place(*row[:3]): row[3] for row in prepared(_KNOWN, values)}


_KNOWN = """
    SELECT c.budget_id, c.each_value, c.period_start, c.id
    FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS w(budget_id, each_value, period_start)
    JOIN budgets_counter c USING (budget_id, each_value, period_start)
"""
_OPEN_NEW = """
    SELECT budget_id, each_value, period_start, id FROM budgets_open_new(%s::bigint, %s::bigint[], %s::int[],
        %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::numeric[], %s::numeric[])
"""


def _may_be_met_first(rule: Rule) -> bool:
    return rule.each == "conversation" and not is_rolling(rule) and not rule.paused


def _open_new(wanted: Sequence[Wanted], version: int) -> dict[Place, int]:
    """Open those counters of conversations that nobody has heard of, of budgets as they are in this version."""
    most = {
        rule.id: ceiling(rule.thresholds, rule.limit, grace_percent=rule.grace_percent)
        for rule in {one.rule.id: one.rule for one in wanted}.values()
    }
    values = [
        version,
        array([one.rule.id for one in wanted]),
        array([int(one.each_value.partition(":")[0]) for one in wanted]),
        text_array([one.label for one in wanted]),
        text_array([one.each_value for one in wanted]),
        array([one.span.start for one in wanted]),
        array([one.span.end for one in wanted]),
        array([one.rule.limit for one in wanted]),
        array([most[one.rule.id] for one in wanted]),
    ]
    return {Place(*row[:3]): row[3] for row in prepared(_OPEN_NEW, values)}


def _insert(missing: Sequence[Wanted], judged: bool) -> dict[Place, int]:
    """Within a transaction that keeps the budgets as they are, so that no change passes a new counter by."""
    rules = {one.rule.id: one.rule for one in missing}
    kept_so = Budget.objects.raw("SELECT * FROM budgets_budget WHERE id = ANY(%s) ORDER BY id FOR SHARE", [list(rules)])
    terms = terms_of(list(kept_so))
    wanted = {one.place: one for one in missing for one in _with_days_before(one)}
    rows = [
        (one, terms(one.rule.id, one.span.start)) for _, one in sorted(wanted.items(), key=lambda pair: _order(pair[0]))
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO budgets_counter (budget_id, each_value, label, period_start, period_end, "limit", raised,'
            " ceiling, spent, reserved, carried, unpriced_calls, in_force)"
            " SELECT budget_id, each_value, label, period_start, period_end, lim, raised, ceiling, 0, 0, 0, 0, '{}'"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::numeric[],"
            " %s::numeric[], %s::numeric[]) AS w(budget_id, each_value, label, period_start, period_end, lim, raised,"
            " ceiling) ON CONFLICT DO NOTHING RETURNING id, budget_id, period_start, each_value",
            [
                [one.rule.id for one, _ in rows],
                [one.each_value for one, _ in rows],
                [one.label for one, _ in rows],
                [one.span.start for one, _ in rows],
                [one.span.end for one, _ in rows],
                [term.limit for _, term in rows],
                [term.raised for _, term in rows],
                [term.ceiling for _, term in rows],
            ],
        )
        made: list[tuple[int, int, datetime, str]] = cursor.fetchall()
    for rule in rules.values():
        mine = [row for row in made if row[1] == rule.id]
        if rule.each == "conversation" or not rule.recounted:
            used = [row[0] for row in mine if row[2] < rule.created_at]
            recounting.recount(rule=rule, counter_ids=used, just_opened=True)
        if is_rolling(rule):
            recounting.carry(rule=rule, counter_ids=[row[0] for row in mine])
    opened = {Place(row[1], row[3], row[2]): row[0] for row in made}
    if judged:
        _judge([(one, opened[one.place]) for one in missing if one.place in opened])
    return opened


def _judge(opened: Sequence[tuple[Wanted, int]]) -> None:
    """Let hold what these counters have reached by what they were opened with."""
    counters = Counter.objects.exclude(spent=0, carried=0).in_bulk([counter_id for _, counter_id in opened])
    states = [state_of(one.rule, one.span, counters[known]) for one, known in opened if known in counters]
    note_crossings(states=states, rules={one.rule.id: one.rule for one, _ in opened}, now=timezone.now())


def _order(place: Place) -> tuple[Any, ...]:
    return (place.budget_id, place.each_value, place.period_start)


def _with_days_before(one: Wanted) -> list[Wanted]:
    """It, and of a rolling budget also those days of its window that began before the budget was made."""
    rule, found = one.rule, [one]
    span, window = one.span, rule.cycle.window(one.span)
    while is_rolling(rule) and span.start > window.start:
        span = rule.cycle.preceding(span)
        if span.start < rule.created_at:
            found.append(Wanted(rule, one.each_value, one.label, span))
    return found


class TermsOf:
    """The terms of counters by budget and start of the period; budgets and raises are read once."""

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self.budgets = {budget.pk: budget for budget in budgets}
        self.raises: dict[int, list[TemporaryRaise]] = {}
        for one in TemporaryRaise.objects.filter(budget__in=self.budgets):
            self.raises.setdefault(one.budget_id, []).append(one)

    def __call__(self, budget_id: int, start: datetime) -> Terms:
        budget = self.budgets[budget_id]
        holding = [
            one.amount
            for one in self.raises.get(budget_id, [])
            if one.starts_at <= start and (one.ends_at is None or start < one.ends_at)
        ]
        raised = sum(holding, Decimal(0))
        limit = budget.limit + raised
        if budget.paused_at is not None or budget.deleted_at is not None:
            return Terms(limit, raised, None)
        most = ceiling(kept(budget.thresholds), limit, raised=raised, grace_percent=budget.grace_percent)
        return Terms(limit, raised, most)


def terms_of(budgets: Sequence[Budget]) -> TermsOf:
    """The terms of the counters of these budgets."""
    return TermsOf(budgets)


def apply_terms(budget: Budget) -> None:
    """Let the open counters of a budget, whose row this transaction has locked, go by its present terms."""
    terms = terms_of([budget])
    if not terms.raises:
        _apply_to_all(budget.pk, terms(budget.pk, timezone.now()))
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, period_start FROM budgets_counter WHERE budget_id = %s ORDER BY id", [budget.pk])
        rows: Mapping[int, Terms] = {row[0]: terms(budget.pk, row[1]) for row in cursor.fetchall()}
        cursor.execute("SELECT 1 FROM budgets_counter WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(rows)])
        cursor.execute(
            'UPDATE budgets_counter c SET "limit" = d.lim, raised = d.raised, ceiling = d.ceiling'
            " FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS d(id, lim, raised, ceiling)"
            ' WHERE c.id = d.id AND (c."limit", c.raised, c.ceiling) IS DISTINCT FROM (d.lim, d.raised, d.ceiling)',
            [
                list(rows),
                [one.limit for one in rows.values()],
                [one.raised for one in rows.values()],
                [one.ceiling for one in rows.values()],
            ],
        )


def _apply_to_all(budget_id: int, terms: Terms) -> None:
    """The same terms for every counter: a budget of every conversation may have very many."""
    lim, raised, most = terms.limit, terms.raised, terms.ceiling
    parameters: dict[str, Any] = {"budget": budget_id, "lim": lim, "raised": raised, "ceiling": most}
    other = '(c."limit", c.raised, c.ceiling) IS DISTINCT FROM (%(lim)s, %(raised)s, %(ceiling)s::numeric)'
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH other AS MATERIALIZED (SELECT c.id FROM budgets_counter c WHERE c.budget_id = %(budget)s AND {other}"
            " ORDER BY c.id FOR NO KEY UPDATE)"
            ' UPDATE budgets_counter c SET "limit" = %(lim)s, raised = %(raised)s, ceiling = %(ceiling)s::numeric'
            " FROM other WHERE c.id = other.id",
            parameters,
        )
