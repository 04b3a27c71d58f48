"""How all budgets stand, for people: each with its counter of the present period, those at risk first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import F, Sum

from apps.access.domain.identity import Caller
from apps.budgets.domain.cycles import Period, Span
from apps.budgets.domain.states import BudgetState
from apps.budgets.domain.thresholds import ceiling
from apps.budgets.models import Budget, Counter, Entry, EntryKind, StoredForecast, TemporaryRaise
from apps.budgets.selectors import lively
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.matching import Rule, rules_of

_ZERO = Decimal(0)
_ORDER = {"blocked": 0, "over": 1, "warn": 2, "ok": 3, "paused": 4}


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget with the state of its tightest counter; `counters` is how many its present period has."""

    budget: Budget
    rule: Rule
    span: Span
    state: BudgetState
    counters: int
    forecast: StoredForecast | None = None


def standings(caller: Caller, now: datetime) -> list[Standing]:
    """The budgets a caller may see, those at risk first."""
    return _by_risk(_standings(list(budgets_of(caller)), now))


def standings_of_all(now: datetime) -> list[Standing]:
    """Every budget but those of demo projects, those at risk first: for the operator's own instruments."""
    rows = Budget.objects.standing().exclude(project__is_demo=True).order_by("id")
    return _by_risk(_standings(list(rows), now))


def _by_risk(found: list[Standing]) -> list[Standing]:
    return sorted(found, key=lambda one: (_ORDER[one.state.state], -_used(one), one.budget.name, one.budget.pk))


def standing(budget: Budget, now: datetime) -> Standing:
    """How one budget stands."""
    return _standings([budget], now)[0]


def _used(one: Standing) -> Decimal:
    """The share that is used, or that will be."""
    used = one.state.spent + one.state.reserved
    return max(used, one.forecast.total if one.forecast else used) / one.state.limit


def _standings(budgets: Sequence[Budget], now: datetime) -> list[Standing]:
    rules = rules_of(budgets)
    spans = {rule.id: rule.cycle.span(now) for rule in rules}
    tightest = _tightest({rule.id: spans[rule.id] for rule in rules if rule.each != "conversation"})
    tightest |= _tightest_conversations([rule.id for rule in rules if rule.each == "conversation"], now)
    raises = _raised(spans)
    forecasts = StoredForecast.objects.in_bulk([counter.pk for counter, _ in tightest.values()])
    found = []
    for budget, rule in zip(budgets, rules, strict=True):
        span = spans[rule.id]
        counter, many = tightest.get(rule.id, (None, 0))
        state = state_of(rule, span, counter, raises.get(rule.id, _ZERO))
        found.append(Standing(budget, rule, span, state, many, forecasts.get(counter.pk) if counter else None))
    return found


def _tightest(spans: dict[int, Span]) -> dict[int, tuple[Counter, int]]:
    """By budget: the counter of its present period that has the least left, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (c.budget_id) c.budget_id, c.id, count(*) OVER (PARTITION BY c.budget_id)"
            " FROM budgets_counter c JOIN unnest(%s::bigint[], %s::timestamptz[]) AS w(budget_id, period_start)"
            " USING (budget_id, period_start)"
            ' ORDER BY c.budget_id, (c.carried + c.spent + c.reserved) / c."limit" DESC, c.id',
            [list(spans), [span.start for span in spans.values()]],
        )
        rows = cursor.fetchall()
    counters = Counter.objects.in_bulk([row[1] for row in rows])
    return {row[0]: (counters[row[1]], row[2]) for row in rows}


def _tightest_conversations(budget_ids: Sequence[int], now: datetime) -> dict[int, tuple[Counter, int]]:
    """The same of budgets of every conversation, among those conversations that go on."""
    lively_ones = {one: lively.tightest_lively(one, now=now, most=1) for one in budget_ids}
    counters = Counter.objects.in_bulk([ids[0] for ids, _ in lively_ones.values() if ids])
    return {one: (counters[ids[0]], many) for one, (ids, many) in lively_ones.items() if ids}


def _raised(spans: dict[int, Span]) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for one in TemporaryRaise.objects.filter(budget__in=spans):
        start = spans[one.budget_id].start
        if one.starts_at <= start and (one.ends_at is None or start < one.ends_at):
            found[one.budget_id] = found.get(one.budget_id, _ZERO) + one.amount
    return found


def state_of(rule: Rule, span: Span, counter: Counter | None, raised: Decimal = _ZERO) -> BudgetState:
    """The state of a counter, or of one that nobody has used yet."""
    limit = counter.limit if counter else rule.limit + raised
    raised = counter.raised if counter else raised
    most = ceiling(rule.thresholds, limit, raised=raised, grace_percent=rule.grace_percent)
    return BudgetState(
        budget_id=rule.id,
        name=rule.name,
        unit=rule.unit,
        each=rule.each,
        each_value=counter.each_value if counter else "",
        label=counter.label if counter else "",
        limit=limit,
        raised=raised,
        ceiling=counter.ceiling if counter else None if rule.paused else most,
        spent=counter.carried + counter.spent if counter else _ZERO,
        reserved=counter.reserved if counter else _ZERO,
        unpriced_calls=counter.unpriced_calls if counter else 0,
        in_force=tuple(counter.in_force) if counter else (),
        thresholds=rule.thresholds,
        starts_at=span.start,
        resets_at=span.end,
        paused=rule.paused,
        counter_id=counter.pk if counter else None,
    )


def counters_of(one: Standing, now: datetime, *, most: int = 50) -> list[BudgetState]:
    """The counters of the present period of a budget with `each`, tightest first; conversations while they go on."""
    used = (F("carried") + F("spent") + F("reserved")) / F("limit")
    counters = Counter.objects.filter(budget=one.budget, period_start=one.span.start).order_by(used.desc(), "id")
    if one.rule.each == "conversation":
        counters = counters.filter(id__in=lively.tightest_lively(one.rule.id, now=now, most=most)[0])
    return [state_of(one.rule, one.span, counter) for counter in counters[:most]]


def late_amounts(counters: Sequence[Counter]) -> dict[int, Decimal]:
    """What was charged to these counters after their periods had ended, where anything was."""
    rows = Entry.objects.filter(
        counter__in=[one.pk for one in counters], kind=EntryKind.SETTLE, made_at__gte=F("counter__period_end")
    )
    sums = rows.values("counter_id").annotate(late=Sum("spent")).filter(late__gt=0)
    return dict(sums.values_list("counter_id", "late"))


def past_counters(budget: Budget, before: datetime, *, most: int = 12) -> list[Counter]:
    """The periods before this instant of a budget without `each`, newest first; of rolling days those of its cycle."""
    found = Counter.objects.filter(budget=budget, each_value="", period_start__lt=before).order_by("-period_start")
    if budget.cycle.period is not Period.ROLLING:
        return list(found[:most])
    return [one for one in found[: 4 * most] if budget.cycle.span(one.period_start).start == one.period_start][:most]
