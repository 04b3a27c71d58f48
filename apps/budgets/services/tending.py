"""The background work of budgets: expiring, counting anew after a change, ending what a period's end ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.budgets.domain.cycles import Period, Span
from apps.budgets.models import Alert, Budget, Counter
from apps.budgets.selectors import lively
from apps.budgets.selectors.matching import Rule, is_rolling, rules_of
from apps.budgets.selectors.standing import state_of
from apps.budgets.selectors.used import used
from apps.budgets.services import recounting
from apps.budgets.services.alerting.raising import resolve_alerts, resolve_alerts_of_budget
from apps.budgets.services.crossing import note_crossings
from apps.budgets.services.opening import Wanted, open_counters, terms_of
from apps.budgets.services.recrossing import KIND
from apps.costs.domain.formats import some

RECENT = timedelta(minutes=3)
"""For so long after a change a process may have charged by what it knew before."""
_MOST_CONVERSATIONS = 5_000
_CHUNK = 2_000
_COUNT_MS = 4_000


@dataclass(frozen=True, slots=True)
class TendingRun:
    """What a run did."""

    recounted: int
    ended: int

    @property
    def words(self) -> str:
        """For the Health page."""
        return f"counted {some(self.recounted, 'changed budget')} anew, ended {some(self.ended, 'period')}"


def tend(*, now: datetime) -> TendingRun:
    """Count budgets anew that changed lately, and end the alerts of periods that are over. Safe to run twice."""
    recent = Budget.objects.standing().filter(changed_at__gt=now - RECENT)
    waiting = Budget.objects.standing().filter(recounted_at=None)
    budgets = list((recent | waiting).order_by("id"))
    for budget in budgets:
        begin_counting(budget=budget, patient=True)
        evaluate(budget=budget)
    begin_days(now=now)
    ended = end_periods(now=now) + end_conversations(now=now) + end_deleted(now=now)
    return TendingRun(len(budgets), ended)


def begin_counting(*, budget: Budget, patient: bool = False) -> bool:
    """Open the counters of the present period and put all that stand right; false when it took too long.

    Somebody waits for the answer unless `patient`: then what takes long is left to the next sweep.
    """
    try:
        with transaction.atomic():
            if not patient:
                _limit_time()
            _count(budget)
    except DatabaseError:
        if patient:
            raise
        return False
    return True


def forget_what_is_gone(*, budget: Budget) -> None:
    """Before a budget is counted by new terms: what cannot be counted anew is taken out of the present period."""
    rule = rules_of([budget])[0]
    present = Counter.objects.filter(budget=budget, period_start__gte=rule.cycle.span(timezone.now()).start)
    recounting.forget_unknown(rule=rule, counter_ids=list(present.values_list("id", flat=True)))


def _limit_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_COUNT_MS}ms"])


def _count(budget: Budget) -> None:
    """Open what is missing, so many values a sweep; when nothing is missing any more, count all that stand anew.

    A counter is counted when it is opened, so until then those that stand are left alone, but for the first time.
    """
    rule = rules_of([budget])[0]
    span = rule.cycle.span(timezone.now())
    _fit_periods(budget, rule)
    values = _missing(rule, span)
    open_counters([Wanted(rule, value, _label(rule, value), span) for value in values])
    days = _missing_days(rule, span) if is_rolling(rule) and budget.recounted_at is None else []
    open_counters([Wanted(rule, value, _label(rule, value), rule.cycle.span(start)) for value, start in days])
    is_whole = max(len(values), len(days)) < settings.BUDGET_VALUES_PER_SWEEP
    if is_whole and is_rolling(rule) and rule.each != "conversation":
        _empty_other_days(rule, span)
    if is_whole or budget.changed_at > timezone.now() - RECENT:
        _recount(rule, _present(budget, rule, span))
    if is_whole:
        Budget.objects.filter(id=budget.pk, recounted_at=None).update(recounted_at=timezone.now())


def _recount(rule: Rule, counter_ids: Sequence[int]) -> None:
    for start in range(0, len(counter_ids), _CHUNK):
        chunk = counter_ids[start : start + _CHUNK]
        recounting.recount(rule=rule, counter_ids=chunk)
        if is_rolling(rule):
            recounting.carry(rule=rule, counter_ids=chunk)


def _present(budget: Budget, rule: Rule, span: Span) -> list[int]:
    """The counters of the present period; of conversations that were counted before, those a change may have missed."""
    if rule.each == "conversation" and rule.recounted:
        return lively.heard_of_since(rule.id, budget.changed_at - RECENT)
    found = Counter.objects.filter(budget=budget, period_start__gte=rule.cycle.window_start(span.start))
    if is_rolling(rule) and rule.each != "conversation":
        found = found.exclude(period_start__in=_other_days(rule, span))
    return list(found.order_by("id").values_list("id", flat=True))


def _other_days(rule: Rule, span: Span) -> list[datetime]:
    """Starts of counters in the window that are of another cycle, as after a change of the time zone."""
    found = Counter.objects.filter(budget_id=rule.id, period_start__gte=rule.cycle.window_start(span.start))
    starts = found.order_by().values_list("period_start", flat=True).distinct()
    return [start for start in starts if rule.cycle.span(start).start != start]


def _empty_other_days(rule: Rule, span: Span) -> None:
    """What the days of a changed cycle count would be carried twice, by the days of the present one and by the old."""
    if starts := _other_days(rule, span):
        rows = Counter.objects.filter(budget_id=rule.id, period_start__in=starts).exclude(spent=0, unpriced_calls=0)
        recounting.empty(counter_ids=list(rows.values_list("id", flat=True)))


def _fit_periods(budget: Budget, rule: Rule) -> None:
    """A counter whose start is also the start of a period of a changed cycle goes on as that period, counted anew."""
    fitted = []
    for counter in Counter.objects.filter(budget=budget).order_by("-period_start")[:_CHUNK]:
        span = rule.cycle.span(counter.period_start)
        if span.start == counter.period_start and span.end != counter.period_end:
            Counter.objects.filter(id=counter.pk).update(period_end=span.end)
            fitted.append(counter.pk)
    recounting.recount(rule=rule, counter_ids=fitted)


def _missing(rule: Rule, span: Span) -> list[str]:
    """Values of `each` in the present period that have no counter yet, so many at most.

    There may be too many conversations for that: each is opened at its first use.
    """
    if not rule.each:
        return [""]
    if rule.each == "conversation":
        return []
    asked = used(rule)
    parameters = {
        "start": rule.cycle.window_start(span.start), "end": span.end, "most": settings.BUDGET_VALUES_PER_SWEEP,
        "budget": rule.id, "period": span.start,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT v.value FROM (SELECT DISTINCT {asked.each} AS value FROM {asked.source}"
            f" WHERE {asked.time} >= %(start)s AND (%(end)s::timestamptz IS NULL OR {asked.time} < %(end)s)"
            f" AND {asked.where}) v WHERE v.value <> '' AND NOT EXISTS (SELECT FROM budgets_counter k"
            " WHERE k.budget_id = %(budget)s AND k.each_value = v.value AND k.period_start = %(period)s)"
            " LIMIT %(most)s",
            {**asked.parameters, **parameters},
        )
        return [row[0] for row in cursor.fetchall()]


def _missing_days(rule: Rule, span: Span) -> list[tuple[str, datetime]]:
    """Values and days with usage in the window that have no counter: a budget that was changed had other periods."""
    if rule.each == "conversation":
        return []
    days, day, window = [], span, rule.cycle.window(span)
    while day.start > window.start:
        day = rule.cycle.preceding(day)
        days.append(day)
    if not days:
        return []
    asked, named = used(rule), "v.value <> ''" if rule.each else "true"
    parameters = {
        "starts": [one.start for one in days], "ends": [one.end for one in days], "window": window.start,
        "today": span.start, "most": settings.BUDGET_VALUES_PER_SWEEP, "budget": rule.id,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT v.value, v.day FROM (SELECT DISTINCT {asked.each} AS value, d.starts AS day FROM {asked.source}"
            " JOIN unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS d(starts, ends)"
            f" ON {asked.time} >= d.starts AND {asked.time} < d.ends"
            f" WHERE {asked.time} >= %(window)s AND {asked.time} < %(today)s AND {asked.where}) v"
            f" WHERE {named} AND NOT EXISTS (SELECT FROM budgets_counter k"
            " WHERE k.budget_id = %(budget)s AND k.each_value = v.value AND k.period_start = v.day)"
            " LIMIT %(most)s",
            {**asked.parameters, **parameters},
        )
        return list(cursor.fetchall())


def _label(rule: Rule, value: str) -> str:
    if rule.each == "project":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM access_project WHERE id = %s", [int(value)])
            row = cursor.fetchone()
        return row[0] if row else value
    return value.partition(":")[2] if rule.each in ("agent", "conversation") else value


def evaluate(*, budget: Budget, because: str = "") -> None:
    """Say anew which thresholds hold, by the budget's present terms: after a raise, an edit or a recount.

    Alerts of what begins to hold say `because` of what, if nobody has spent anything.
    """
    rule = rules_of([budget])[0]
    now = timezone.now()
    with transaction.atomic():
        span = rule.cycle.span(now)
        ids = _touched(budget, rule, span, now)
        for start in range(0, len(ids), _CHUNK):
            counters = Counter.objects.filter(id__in=ids[start : start + _CHUNK]).order_by("id")
            states = [state_of(rule, span, counter) for counter in counters]
            note_crossings(states=states, rules={rule.id: rule}, now=now, afresh=True, because=because)
        if rule.each != "conversation":
            _end_all([one for one in _running(budget, now) if one.period_start != span.start], now)


def _running(budget: Budget, now: datetime) -> list[Counter]:
    """Counters in which something holds and whose time is not over, also of a cycle that the budget had before."""
    found = Counter.objects.filter(Q(period_end=None) | Q(period_end__gt=now), budget=budget, period_start__lte=now)
    return list(found.exclude(in_force=[]).order_by("id"))


def _touched(budget: Budget, rule: Rule, span: Span, now: datetime) -> list[int]:
    """The counters of the present period of which something holds, or has to; of conversations, lively ones."""
    if rule.each == "conversation":
        return lively.tightest_lively(rule.id, now=now, most=_MOST_CONVERSATIONS)[0]
    terms = terms_of([budget])(budget.pk, span.start)
    levels = [one.level(terms.limit, terms.raised) for one in rule.thresholds if one.on == "actual"]
    reached = Q(spent__gte=min(levels) - F("carried")) if levels else Q(pk__in=[])
    counters = Counter.objects.filter(budget=budget, period_start=span.start).filter(reached | ~Q(in_force=[]))
    return list(counters.order_by("id").values_list("id", flat=True))


def begin_days(*, now: datetime) -> int:
    """Open today of rolling budgets that were used on the days before, so many at once; how many counters that were.

    Nothing has to be used today for it to stand where the days before have left it, on its page and in its alerts.
    Conversations are opened at their first use; of other values those that have a counter of yesterday.
    """
    rolling = Budget.objects.standing().filter(period=Period.ROLLING).exclude(each="conversation").order_by("id")
    rules = {rule.id: rule for rule in rules_of(list(rolling))}
    spans = {one: rule.cycle.span(now) for one, rule in rules.items()}
    since = [
        rule.cycle.preceding(spans[one]).start if rule.each else rule.cycle.window_start(spans[one].start)
        for one, rule in rules.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_BEGUN, [list(rules), since, [one.start for one in spans.values()], _CHUNK])
        rows: list[tuple[int, str, str]] = cursor.fetchall()
    open_counters([Wanted(rules[one], value, label, spans[one]) for one, value, label in rows], judged=True)
    return len(rows)


_BEGUN = """
    SELECT DISTINCT ON (d.budget_id, d.each_value) d.budget_id, d.each_value, d.label
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS w(budget_id, since, today)
    JOIN budgets_counter d ON d.budget_id = w.budget_id AND d.period_start >= w.since AND d.period_start < w.today
        AND (d.spent <> 0 OR d.each_value <> '' AND d.carried <> 0)
    WHERE NOT EXISTS (SELECT FROM budgets_counter t WHERE t.budget_id = w.budget_id AND t.each_value = d.each_value
        AND t.period_start = w.today)
    ORDER BY d.budget_id, d.each_value LIMIT %s
"""


def end_periods(*, now: datetime, most: int = 500) -> int:
    """End the alerts of periods that are over; how many periods that were."""
    over: Sequence[Counter] = list(
        Counter.objects.filter(period_end__lte=now).exclude(in_force=[]).order_by("id")[:most]
    )
    _end_all(over, now)
    return len(over)


def _end_all(counters: Sequence[Counter], now: datetime) -> None:
    """Nothing holds of these counters any more, and their alerts are over."""
    for counter in counters:
        with transaction.atomic():
            Counter.objects.filter(id=counter.pk).update(in_force=[])
            resolve_alerts(
                kind=KIND,
                subject=f"{counter.budget_id}:{counter.each_value}",
                occurrences_prefix=counter.period_start.isoformat(),
                told_before=counter.period_end,
                now=now,
            )


def end_deleted(*, now: datetime) -> int:
    """End the alerts of budgets that were deleted a while ago, so not by a slip; how many budgets those were.

    What holds is forgotten with them: a budget that is restored later warns anew.
    """
    open_ones = Alert.objects.open().filter(kind=KIND).values("budget_id")
    deleted = Budget.objects.filter(deleted_at__lt=now - RECENT, id__in=open_ones).order_by("id")
    ids = list(deleted.values_list("id", flat=True))
    for budget_id in ids:
        with transaction.atomic():
            Counter.objects.filter(budget_id=budget_id).exclude(in_force=[]).update(in_force=[])
            resolve_alerts_of_budget(kind=KIND, budget_id=budget_id, now=now)
    return len(ids)


def end_conversations(*, now: datetime, most: int = 500) -> int:
    """End the alerts of conversations that are over; how many conversations that were. What holds of them stays."""
    every = list(Budget.objects.standing().filter(each="conversation").values_list("id", flat=True))
    over = lively.idle(every, now=now, most=most) if every else []
    for budget_id, value in over:
        resolve_alerts(kind=KIND, subject=f"{budget_id}:{value}", occurrences_prefix="", now=now)
    return len(over)
