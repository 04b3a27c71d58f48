"""What merging an agent into another would do to budgets: the names are changed and read, and changed back.

Nothing that charges is locked meanwhile, and nothing is kept.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from time import monotonic

from django.db import transaction

from apps.access.domain.identity import Caller
from apps.access.models import Agent
from apps.access.services.merges import take_name
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


@dataclass(frozen=True, slots=True)
class BudgetEffect:
    """What a merge does to one budget, in its present period.

    `spent` is what its counter has, for a budget of every agent that of the one merged into; `merged` what that of the
    merged agent has; `after` what there is then. All are None where every conversation or user has a counter, or where
    finding out takes too long: they are counted anew all the same. `reached` are the thresholds that begin to hold.
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
    rules = {rule.id: rule for rule in rules_of(budgets_of(caller)) if rule.asks_for_agents}
    concerned = {one: rule for one, rule in rules.items() if rule.project_id in (None, agent.project_id)}
    before = {one: _counters(rule, agent, into, now) for one, rule in concerned.items()}
    after = _after(concerned, before, agent, into)
    found = [_effect(rule, before[one], after.get(one)) for one, rule in concerned.items()]
    return sorted((one for one in found if one.changes), key=lambda one: (not one.reached, one.name, one.budget_id))


def _counters(rule: Rule, agent: Agent, into: Agent, now: datetime) -> list[Counter]:
    """The counters of the present period that may change: of a budget of every agent, the other's first."""
    if rule.each not in ("", "agent"):
        return []
    values = [f"{into.project_id}:{into.name}", f"{agent.project_id}:{agent.name}"] if rule.each else [""]
    rows = Counter.objects.filter(budget_id=rule.id, each_value__in=values, period_start=rule.cycle.span(now).start)
    return sorted(rows, key=lambda row: values.index(row.each_value))


def _after(
    rules: Mapping[int, Rule], before: Mapping[int, Collection[Counter]], agent: Agent, into: Agent
) -> dict[int, Decimal]:
    """What there is after it, by budget; those that take too long are missing."""
    found, until = {}, monotonic() + _COUNT_SECONDS
    with transaction.atomic():
        take_name(Agent.objects.get(pk=agent.pk), into)
        for one, rule in rules.items():
            if rule.each == "agent":
                found[one] = sum((row.carried + row.spent for row in before[one]), _NONE)
            elif before[one] and monotonic() < until:
                try:
                    found[one] = _counted(one, next(iter(before[one])))
                except TooMuch:
                    continue
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


def _effect(rule: Rule, counters: Collection[Counter], after: Decimal | None) -> BudgetEffect:
    first = next(iter(counters), None)
    limit, raised = (first.limit, first.raised) if first is not None else (rule.limit, _NONE)
    if after is None:
        return BudgetEffect(rule.id, rule.name, rule.unit, limit)
    each = [row.carried + row.spent for row in counters]
    spent = each[0] if each else _NONE
    held = {key for row in counters for key in row.in_force}
    begun = in_force(rule.thresholds, limit=limit, raised=raised, used=after, forecast=None)
    reached = [one for one in rule.thresholds if one.key in begun and one.key not in held]
    words = tuple(_words(one, rule, one.level(limit, raised)) for one in reached)
    return BudgetEffect(
        rule.id, rule.name, rule.unit, limit, spent, each[1] if len(each) > 1 else None, after,
        () if rule.paused else words, tuple(sorted(one.key for one in reached)),
    )  # fmt: skip
