"""Forecasts of budgets from the usage of the weeks before: of periods that end, rolling days, and what has no end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.budgets.domain.cycles import Cycle, Period, Span
from apps.budgets.domain.forecasting import Ahead, Forecast, Piece, forecast
from apps.budgets.selectors.matching import Rule
from apps.budgets.selectors.spending import pieces, pieces_by_value
from apps.costs.domain.calendars import Unit, cut, day_of, day_start

_WEEKS, _DAYS = timedelta(days=56), timedelta(days=14)
_BY_HOURS = frozenset({Period.DAY, Period.ROLLING})
AHEAD_OF_ONCE = timedelta(days=30)
"""So far ahead a budget without periods is forecast."""
_NEVER = {
    Period.HOUR: "An hour is over before a forecast of it would be of use.",
    Period.CONVERSATION: "Conversations have no usual length, so what is still to come of one cannot be told.",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast with the starts of the pieces it steps through; `edges` end with the end of the period."""

    forecast: Forecast
    ahead: tuple[Ahead, ...]


def why_none(rule: Rule) -> str:
    """Why budgets of this kind are never forecast, for people; "" for those that are."""
    if rule.each == "conversation":
        return _NEVER[Period.CONVERSATION]
    return _NEVER.get(rule.cycle.period, "")


def horizon(rule: Rule, span: Span, now: datetime) -> datetime:
    """Up to when: the end of the period, of rolling days that of today; of what has no end, some days on."""
    if span.end is not None:
        return span.end
    return day_start(day_of(now + AHEAD_OF_ONCE, rule.cycle.zone), rule.cycle.zone)


def outlook(rule: Rule, span: Span, *, spent: Decimal, limit: Decimal, now: datetime) -> Outlook | None:
    """The forecast of a budget's present period, None when there is not enough data yet. Raises TooMuch."""
    return outlooks(rule, span, {"": (spent, limit)}, now=now).get("")


def outlooks(
    rule: Rule, span: Span, counters: Mapping[str, tuple[Decimal, Decimal]], *, now: datetime
) -> dict[str, Outlook]:
    """The same for counters of a budget: by value what each has spent and its limit. Raises TooMuch."""
    fine = Unit.HOUR if rule.cycle.period in _BY_HOURS else Unit.DAY
    start = now - (_DAYS if fine is Unit.HOUR else _WEEKS)
    # From the first whole piece on.
    edges = cut(start, horizon(rule, span, now), fine, rule.cycle.zone)[1:]
    past = [edge for edge in edges if edge <= now]
    if why_none(rule) or len(past) < 2:
        return {}
    ahead = _ahead(edges, rule.cycle, fine, now)
    season_length = 24 if fine is Unit.HOUR else 7
    found = {}
    for value, amounts in _used_before(rule, past, list(counters)).items():
        spent, limit = counters[value]
        counted = _since_first_use(amounts)
        ended = past[len(past) - 1 - len(counted) : -1]
        history = [Piece(amount, _season(edge, rule.cycle, fine)) for edge, amount in zip(ended, counted, strict=True)]
        one = forecast(history, ahead, spent=spent, limit=limit, season_length=season_length)
        if one is not None:
            found[value] = Outlook(one, tuple(ahead))
    return found


def _used_before(rule: Rule, past: Sequence[datetime], values: Sequence[str]) -> dict[str, list[Decimal]]:
    """What was used between each two of these instants, by value."""
    if not rule.each:
        return {"": pieces(rule, past)}
    by_piece = pieces_by_value(rule, past, values=values)
    return {value: [piece.get(value, Decimal(0)) for piece in by_piece] for value in values}


def _since_first_use(amounts: Sequence[Decimal]) -> Sequence[Decimal]:
    """Without the nothing before anything was used: that says nothing of what comes."""
    first = next((place for place, amount in enumerate(amounts) if amount), len(amounts))
    return amounts[first:]


def _ahead(edges: Sequence[datetime], cycle: Cycle, fine: Unit, now: datetime) -> list[Ahead]:
    """The pieces that are not over, the running one by what is left of it."""
    found = []
    for start, end in zip(edges, edges[1:], strict=False):
        if end <= now:
            continue
        length = int((end - start).total_seconds())
        left = int((end - max(start, now)).total_seconds())
        found.append(Ahead(max(start, now), end, _season(start, cycle, fine), Decimal(left) / Decimal(length)))
    return found


def _season(start: datetime, cycle: Cycle, fine: Unit) -> int:
    local = start.astimezone(cycle.zone)
    return local.hour if fine is Unit.HOUR else local.weekday()
