"""How budgets stand for a call: one statement, read fresh."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from apps.access.statements import prepared
from apps.budgets.domain.cycles import Span
from apps.budgets.domain.scopes import Facts, each_label
from apps.budgets.domain.states import NOTHING, BudgetState, tightest_first
from apps.budgets.domain.thresholds import ceiling, in_force
from apps.budgets.selectors import matching
from apps.budgets.selectors.contacts import raise_contacts
from apps.budgets.selectors.matching import Rule, is_rolling
from apps.costs.services.ingest.literals import array, text_array

TRIES = 3

STATES = """
    budgets_states(%(budget_ids)s::bigint[], %(each_values)s::text[], %(starts)s::timestamptz[],
        %(window_starts)s::timestamptz[], %(periods)s::text[])
"""
"""A row for each budget that a `Matched` names; by its first column they are in order."""
COLUMNS = 12


class Matched(msgspec.Struct, frozen=True):
    """The budgets that apply to a call by what this process knows of them: what STATES is asked, and what it means."""

    facts: Facts
    version: int
    found: Sequence[tuple[Rule, str, Span]]

    def parameters(self) -> dict[str, Any]:
        """The parameters of STATES."""
        found = self.found
        return {
            "budget_ids": array([rule.id for rule, _, _ in found]),
            "each_values": text_array([value for _, value, _ in found]),
            "starts": array([span.start for _, _, span in found]),
            "window_starts": array([rule.cycle.window_start(span.start) for rule, _, span in found]),
            "periods": array([rule.cycle.period for rule, _, _ in found]),
        }

    def is_outdated(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Whether budgets have changed since this process looked; it then looks again at the next use."""
        if not self.found or rows[0][COLUMNS - 1] == self.version:
            return False
        matching.forget()
        return True

    def states(self, rows: Sequence[Sequence[Any]]) -> list[BudgetState]:
        """The states that rows of STATES tell, tightest first."""
        return tightest_first([_state(one, row, self.facts) for one, row in zip(self.found, rows, strict=True)])


def budget_state(*, facts: Facts, now: datetime) -> list[BudgetState]:
    """The budgets that apply to a call of these facts, tightest first: the first one binds. One statement, read fresh.

    A budget scoped by a field the facts lack does not apply yet. A counter nobody has used yet stands at nothing,
    that of a rolling budget at what the days before leave.
    """
    for _ in range(TRIES):
        asked = matched(facts, now)
        rows = prepared(f"SELECT * FROM {STATES} ORDER BY place", asked.parameters()) if asked.found else []
        if not asked.found and matching.stored_version() != asked.version:
            matching.forget()
        elif not asked.is_outdated(rows):
            break
    return asked.states(rows)


def matched(facts: Facts, now: datetime) -> Matched:
    """The budgets that apply, by what this process knows of them."""
    known = matching.matcher()
    facts = known.by_present_name(facts)
    return Matched(facts, known.version, known.matching(facts, now))


def _state(one: tuple[Rule, str, Span], row: Sequence[Any], facts: Facts) -> BudgetState:
    rule, value, span = one
    held = tuple(row[9] or ())
    if row[1] is None:
        limit, raised = rule.limit + row[10], row[10]
        most = ceiling(rule.thresholds, limit, raised=raised, grace_percent=rule.grace_percent)
        most = None if rule.paused else most
        if row[4] and not rule.paused:  # A rolling day nobody has used yet: what the days before reach goes on.
            held = in_force(rule.thresholds, limit=limit, raised=raised, used=row[4], forecast=None)
    else:
        limit, raised, most = row[5], row[6], row[7]
    return BudgetState(
        budget_id=rule.id,
        name=rule.name,
        unit=rule.unit,
        each=rule.each,
        each_value=value,
        label=each_label(rule.each, value, facts),
        limit=limit,
        raised=raised,
        ceiling=most,
        spent=(row[2] or NOTHING) + (row[4] or NOTHING),
        reserved=row[3] or NOTHING,
        unpriced_calls=row[8] or 0,
        in_force=held,
        thresholds=rule.thresholds,
        starts_at=span.start,
        resets_at=span.end if is_rolling(rule) else rule.cycle.counted_until(span),
        paused=rule.paused,
        exempt=rule.is_exempt(facts),
        counter_id=row[1],
    )


def contacts_of(state: BudgetState | None) -> tuple[str, ...]:
    """Who can raise the budget of this state; of none, those who can raise any."""
    rule = matching.matcher().by_id.get(state.budget_id) if state else None
    return raise_contacts(rule.project_id if rule else None)
