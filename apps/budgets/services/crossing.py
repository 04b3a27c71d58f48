"""Thresholds that begin or cease to hold: what is in force is kept, and each beginning raises its alert."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection
from msgspec.structs import replace

from apps.budgets.domain import thresholds
from apps.budgets.domain.crossings import Crossing
from apps.budgets.domain.cycles import Span
from apps.budgets.domain.sentences import amount_words, span_words
from apps.budgets.domain.states import BudgetState
from apps.budgets.domain.thresholds import Action, Threshold
from apps.budgets.extension_points import tiers_from
from apps.budgets.selectors.matching import Rule
from apps.budgets.services.alerting.raising import raise_alerts, resolve_alerts
from apps.budgets.services.recrossing import KIND, occurrence_of, subject_of, told_anew

_DOES = {
    Action.NOTIFY: "nothing else happens",
    Action.ADVISE: "agents are advised to spend less",
    Action.CHEAPEST: "agents are sent to the cheapest model that will do",
    Action.BLOCK: "calls are refused",
}


def note_crossings(
    *,
    states: Iterable[BudgetState],
    rules: Mapping[int, Rule],
    now: datetime,
    forecasts: Mapping[int, Decimal] | None = None,
    afresh: bool = False,
    silent: Collection[int | None] = (),
    because: str = "",
) -> list[BudgetState]:
    """Keep what holds now of counters this transaction has just changed, and raise alerts for what begins to.

    Gives the states as they are then.

    While a budget is paused nothing holds. Levels of the forecast move only where `forecasts` says it, by counter.
    With `afresh`, as after a raise or an edit, what held before does not hold on until the spending has fallen somewhat
    below. `silent` counters raise no alert. Alerts say `because` of what it is, where that is not what was spent.
    """
    changes: dict[int, tuple[str, ...]] = {}
    begun: list[tuple[BudgetState, Threshold]] = []
    now_held: list[BudgetState] = []
    for state in states:
        if state.counter_id is None:
            now_held.append(state)
            continue
        held = () if state.paused else _held(state, forecasts, afresh)
        now_held.append(replace(state, in_force=held))
        if set(held) == set(state.in_force):
            continue
        changes[state.counter_id] = held
        if state.counter_id in silent:
            continue
        begun += [(state, one) for one in state.thresholds if one.key in held and one.key not in state.in_force]
        for key in set(state.in_force) - set(held):
            resolve_alerts(
                kind=KIND, subject=subject_of(state), occurrences_prefix=state.starts_at.isoformat(),
                occurrences_suffix=f":{key}", now=now,
            )  # fmt: skip
    _keep(changes)
    news = told_anew(begun, rules)
    raise_alerts(
        crossings=[
            crossing(
                state, one, rules[state.budget_id], now, times=times, because=because,
                forecast=(forecasts or {}).get(state.counter_id or 0) if one.on == "forecast" else None,
            )
            for state, one, times in news
        ],
        now=now,
    )  # fmt: skip
    return now_held


def _held(state: BudgetState, forecasts: Mapping[int, Decimal] | None, afresh: bool) -> tuple[str, ...]:
    forecast = (forecasts or {}).get(state.counter_id or 0)
    held = thresholds.in_force(
        state.thresholds,
        limit=state.limit,
        raised=state.raised,
        used=state.spent,
        forecast=forecast,
        before=() if afresh else state.in_force,
    )
    if forecast is not None:
        return held
    standing = [one.key for one in state.thresholds if one.on == "forecast" and one.key in state.in_force]
    return (*held, *standing)


def _keep(changes: Mapping[int, Sequence[str]]) -> None:
    with connection.cursor() as cursor:
        for counter_id, held in sorted(changes.items()):
            cursor.execute("UPDATE budgets_counter SET in_force = %s WHERE id = %s", [list(held), counter_id])


def crossing(
    state: BudgetState,
    threshold: Threshold,
    rule: Rule,
    now: datetime,
    *,
    times: int = 1,
    because: str = "",
    forecast: Decimal | None = None,
) -> Crossing:
    """The alert of one threshold. A period that was over before the last one began is noted, not mailed."""
    limit = amount_words(state.limit, state.unit)
    whose = f" ({state.label})" if state.each else ""
    level = threshold.level(state.limit, state.raised)
    share = f"{threshold.percent.normalize():f} %" if threshold.percent is not None else amount_words(level, state.unit)
    what = "is forecast" if threshold.on == "forecast" else "is spent"
    is_late = state.resets_at is not None and state.resets_at <= now
    return Crossing(
        kind=KIND,
        subject=subject_of(state),
        occurrence=occurrence_of(state, threshold, times),
        severity=_severity(state, threshold, rule),
        title=f"{state.name}{whose}: {share} of {limit} {what}{', told late' if is_late else ''}",
        facts={
            "Budget": f"{state.name}{whose}",
            "Period": period_words(rule, state),
            "Spent": amount_words(state.spent, state.unit),
            **({} if forecast is None else {"Forecast": amount_words(forecast, state.unit)}),
            "Limit": limit,
            **({"Because": because} if because else {}),
            **(_LATE if is_late else _standing(threshold)),
            "Resets": f"{state.resets_at:%Y-%m-%d %H:%M} UTC" if state.resets_at else "never",
        },
        budget_id=state.budget_id,
        project_id=rule.project_id,
        mails=rule.tells and not _is_old(rule, state, now),
    )


_LATE = {"Late": "calls of this period were reported, or priced anew, after its end; none of now is held up by it"}


def _standing(threshold: Threshold) -> dict[str, str]:
    return {
        "From now on": action_words(threshold),
        "Ends": f"when it is raised, or spending falls {thresholds.HYSTERESIS_PERCENT} % below that level",
    }


def _severity(state: BudgetState, threshold: Threshold, rule: Rule) -> str:
    """Critical once the limit is spent. A conversation that a policy sends to cheaper models is no emergency."""
    used_up = state.spent >= state.limit and rule.tells
    return "critical" if threshold.action is Action.BLOCK or used_up else "warning"


def action_words(threshold: Threshold) -> str:
    """What a threshold does, for people."""
    if threshold.action is not Action.DOWNGRADE:
        return _DOES[threshold.action]
    tiers = tiers_from.registered(threshold.tier) if tiers_from.registered else ()
    if not tiers:
        return f"calls of dearer tiers are sent to the tier {threshold.tier}"
    (_, model), *dearer = tiers
    old = ", ".join(f"{name} ({first})" for name, first in reversed(dearer)) or "dearer tiers"
    return f"calls of {old} are sent to the tier {threshold.tier}, to {model} first"


def period_words(rule: Rule, state: BudgetState) -> str:
    """The period of a state in the budget's own days."""
    if state.resets_at is None:
        return "all of it" if rule.each == "conversation" else "from its start on"
    return span_words(Span(state.starts_at, state.resets_at), rule.cycle)


def _is_old(rule: Rule, state: BudgetState, now: datetime) -> bool:
    """True for a period older than the previous one."""
    if state.resets_at is None or now < state.resets_at:
        return False
    previous = rule.cycle.preceding(rule.cycle.span(now))
    return state.starts_at < previous.start
