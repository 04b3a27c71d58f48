"""What merging agents or projects would do to budgets: the names are changed and read, and changed back.

Nothing that charges is locked meanwhile, and nothing is kept.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from time import monotonic

from django.db import transaction

from apps.access.domain.identity import Caller
from apps.access.models import Agent, Project
from apps.access.services.merges import take_name
from apps.access.services.project_merges import merge_rows
from apps.budgets.domain.sentences import amount_words
from apps.budgets.domain.thresholds import Action, Threshold, in_force
from apps.budgets.models import Budget, Counter
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.matching import Rule, is_rolling, rules_of
from apps.budgets.selectors.spending import TooMuch, bounded
from apps.budgets.services.crossing import action_words
from apps.budgets.services.recounting import differences

_NONE = Decimal(0)
_COUNT_SECONDS = 5
_MOST_AGENTS = 20


@dataclass(frozen=True, slots=True)
class BudgetEffect:
    """What a merge does to one budget, in its present period.

    `spent` is what its counter has, for a budget of every agent or project that of the one merged into; `merged` what
    that of the merged one has; `after` what there is then. All are None where every conversation or user has a counter,
    or where finding out takes too long: they are counted anew all the same. `reached` are the thresholds that begin to
    hold. `value` names the agent, where several are merged.
    """

    budget_id: int
    name: str
    unit: str
    limit: Decimal
    spent: Decimal | None = None
    merged: Decimal | None = None
    after: Decimal | None = None
    reached: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    value: str = ""

    @property
    def words(self) -> dict[str, str]:
        """Its amounts, for people."""
        added = None if self.after is None or self.spent is None else self.after - self.spent
        amounts = {"spent": self.spent, "added": added, "after": self.after, "limit": self.limit}
        return {name: amount_words(one, self.unit) for name, one in amounts.items() if one is not None}

    @property
    def changes(self) -> bool:
        """False if its numbers are known to stay."""
        return self.after is None or self.after != self.spent


def merge_effects(*, caller: Caller, agent: Agent, into: Agent, now: datetime) -> list[BudgetEffect]:
    """The budgets a caller sees whose numbers may change, those that reach a threshold first."""
    rules = [rule for rule in rules_of(budgets_of(caller)) if rule.asks_for_agents]
    concerned = [rule for rule in rules if rule.project_id in (None, agent.project_id)]
    pair = (f"{into.project_id}:{into.name}", f"{agent.project_id}:{agent.name}")
    changes = [_Change(rule, pair if rule.each == "agent" else ("",)) for rule in concerned]
    return _effects(changes, now, lambda: take_name(Agent.objects.get(pk=agent.pk), into))


def project_merge_effects(*, caller: Caller, project: Project, into: Project, now: datetime) -> list[BudgetEffect]:
    """The same for projects; of a budget of every agent, for each name that both have, so many at most."""
    both = set(project.agents.standing().values_list("name", flat=True))
    names = sorted(both & set(into.agents.standing().values_list("name", flat=True)))[:_MOST_AGENTS]
    changes = []
    for rule in rules_of(budgets_of(caller)):
        is_named = rule.asks_for_project(project.pk) or rule.asks_for_project(into.pk)
        if is_named:
            changes.append(_Change(rule, ("",)))
        elif rule.each == "project":
            changes.append(_Change(rule, (str(into.pk), str(project.pk))))
        elif rule.each == "agent":
            changes += [_Change(rule, (f"{into.pk}:{name}", f"{project.pk}:{name}"), name) for name in names]
    return _effects(changes, now, lambda: merge_rows(Project.objects.get(pk=project.pk), into))


@dataclass(frozen=True, slots=True)
class _Change:
    """A budget, and the values of its `each` whose counters are added up; "" is its one counter, which is counted."""

    rule: Rule
    values: tuple[str, ...]
    label: str = ""


def _effects(changes: Sequence[_Change], now: datetime, merge: Callable[[], object]) -> list[BudgetEffect]:
    before = [_counters(one, now) for one in changes]
    after = _after(changes, before, merge)
    found = [_effect(one, counters, amount) for one, counters, amount in zip(changes, before, after, strict=True)]
    changing = (one for one in found if one.changes)
    return sorted(changing, key=lambda one: (not one.reached, one.name, one.budget_id, one.value))


def _counters(change: _Change, now: datetime) -> list[Counter]:
    """The counters of the present period that may change, in the order of the values."""
    if change.values == ("",) and change.rule.each:
        return []
    start = change.rule.cycle.span(now).start
    rows = Counter.objects.filter(budget_id=change.rule.id, each_value__in=change.values, period_start=start)
    return sorted(rows, key=lambda row: change.values.index(row.each_value))


def _after(
    changes: Sequence[_Change], before: Sequence[Sequence[Counter]], merge: Callable[[], object]
) -> list[Decimal | None]:
    """What there is after it; None where finding out takes too long, or there are too many counters."""
    found: list[Decimal | None] = []
    until = monotonic() + _COUNT_SECONDS
    with transaction.atomic():
        merge()
        for one, counters in zip(changes, before, strict=True):
            amount = None
            if one.values != ("",):
                amount = sum((row.carried + row.spent for row in counters), _NONE)
            elif counters and monotonic() < until:
                with suppress(TooMuch):
                    amount = _counted(one.rule.id, counters[0])
            found.append(amount)
        transaction.set_rollback(True)
    return found


def _counted(budget_id: int, counter: Counter) -> Decimal:
    rule = rules_of([Budget.objects.get(id=budget_id)])[0]
    ids = [counter.pk]
    if is_rolling(rule):
        window = Counter.objects.filter(
            budget_id=budget_id, period_start__gte=rule.cycle.window_start(counter.period_start), each_value=""
        )
        ids = list(window.values_list("id", flat=True))
    with bounded():
        return counter.carried + counter.spent + sum((one.amount for one in differences(rule, ids)), _NONE)


def _words(threshold: Threshold, rule: Rule, level: Decimal) -> str:
    does = "people are told" if threshold.action is Action.NOTIFY else action_words(threshold)
    share = f"{threshold.percent.normalize():f} %, " if threshold.percent is not None else ""
    return f"{share}{amount_words(level, rule.unit)}: {does}"


def _effect(change: _Change, counters: Sequence[Counter], after: Decimal | None) -> BudgetEffect:
    rule = change.rule
    first = next(iter(counters), None)
    limit, raised = (first.limit, first.raised) if first is not None else (rule.limit, _NONE)
    if after is None:
        return BudgetEffect(rule.id, rule.name, rule.unit, limit)
    by_value = {row.each_value: row.carried + row.spent for row in counters}
    each = [by_value.get(value) for value in change.values]
    spent = each[0] or _NONE
    held = {key for row in counters for key in row.in_force}
    begun = in_force(rule.thresholds, limit=limit, raised=raised, used=after, forecast=None)
    reached = [one for one in rule.thresholds if one.key in begun and one.key not in held]
    words = tuple(_words(one, rule, one.level(limit, raised)) for one in reached)
    return BudgetEffect(
        rule.id, rule.name, rule.unit, limit, spent, each[1] if len(each) > 1 else None, after,
        () if rule.paused else words, tuple(sorted(one.key for one in reached)), change.label,
    )  # fmt: skip
