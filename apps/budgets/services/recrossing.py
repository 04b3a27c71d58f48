"""Thresholds that begin to hold once more: which of them is news, and what its alert is called then."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from apps.budgets.domain.sentences import amount_words
from apps.budgets.domain.states import BudgetState
from apps.budgets.domain.thresholds import Threshold
from apps.budgets.models import Alert, AlertState
from apps.budgets.selectors.matching import Rule, is_rolling

KIND = "budget"
Begun = tuple[BudgetState, Threshold]


def subject_of(state: BudgetState) -> str:
    """What alerts call a counter, whatever its period is."""
    return f"{state.budget_id}:{state.each_value}"


def occurrence_of(state: BudgetState, threshold: Threshold, times: int = 1) -> str:
    """What the alert of a threshold is called, which begins to hold for the so manieth time in its period."""
    again = f"#{times}" if times > 1 else ""
    return f"{state.starts_at.isoformat()}{again}:{threshold.key}"


def told_anew(begun: Sequence[Begun], rules: Mapping[int, Rule]) -> list[tuple[BudgetState, Threshold, int]]:
    """Those that are news, each with the number it has in its period.

    What began, ended with word of it, and begins again is news, as after a raise or a reset: else nobody would hear
    that it holds. A forecast that rises and falls about one limit is not. Of a rolling budget what held yesterday and
    holds today goes on under today's name: it is one alert, however many midnights it lasts.
    """
    if not begun:
        return []
    known, news = _known([state for state, _ in begun]), []
    for state, threshold in begun:
        mine = [one for one in known if one.subject == subject_of(state) and _is_of(one, threshold)]
        here = [one for one in mine if _start(one) == state.starts_at]
        if any(one.state != AlertState.RESOLVED for one in here):
            continue
        if is_rolling(rules[state.budget_id]) and not here and _went_on(mine, state, threshold):
            continue
        if threshold.on == "forecast" and _has_same_limit(here, state):
            continue
        news.append((state, threshold, len(here) + 1))
    return news


def _known(states: Sequence[BudgetState]) -> list[Alert]:
    """Alerts of these counters that are open, or of the periods of these states."""
    of_periods = Q()
    for start in {state.starts_at for state in states}:
        of_periods |= Q(occurrence__startswith=start.isoformat())
    found = Alert.objects.filter(kind=KIND, subject__in={subject_of(state) for state in states})
    return list(found.filter(~Q(state=AlertState.RESOLVED) | of_periods).order_by("id"))


def _is_of(alert: Alert, threshold: Threshold) -> bool:
    return alert.occurrence.endswith(f":{threshold.key}")


def _start(alert: Alert) -> datetime:
    """When the period of an alert began: what its name begins with. An offset has one colon, as has a threshold."""
    named = alert.occurrence.rsplit(":", 3)[0]
    return datetime.fromisoformat(named.partition("#")[0])


def _went_on(mine: Sequence[Alert], state: BudgetState, threshold: Threshold) -> bool:
    """Give the alert of a day before today's name. False if there is none that is open."""
    before = [one for one in mine if one.state != AlertState.RESOLVED and _start(one) < state.starts_at]
    if not before:
        return False
    Alert.objects.filter(id=before[-1].pk).update(occurrence=occurrence_of(state, threshold))
    return True


def _has_same_limit(here: Sequence[Alert], state: BudgetState) -> bool:
    limit = amount_words(state.limit, state.unit)
    return any(["Limit", limit] in one.facts for one in here)
