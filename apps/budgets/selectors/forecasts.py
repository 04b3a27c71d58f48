"""Forecasts of budgets from the usage of the weeks before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.budgets.domain.cycles import Cycle, Period, Span
from apps.budgets.domain.forecasting import Ahead, Forecast, Piece, forecast
from apps.budgets.selectors.matching import Rule
from apps.budgets.selectors.spending import pieces
from apps.costs.domain.calendars import Unit, cut

_WEEKS, _DAYS = timedelta(days=56), timedelta(days=14)
FORECAST = frozenset({Period.DAY, Period.WEEK, Period.MONTH, Period.QUARTER, Period.YEAR})
"""Periods whose end can be forecast: those of hours are over too soon, others have no end, or a new one each day."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast with the starts of the pieces it steps through; `edges` end with the end of the period."""

    forecast: Forecast
    ahead: tuple[Ahead, ...]


def can_forecast(rule: Rule) -> bool:
    """True for a budget with one counter and a period that ends."""
    return not rule.each and rule.cycle.period in FORECAST


def outlook(rule: Rule, span: Span, *, spent: Decimal, limit: Decimal, now: datetime) -> Outlook | None:
    """The forecast of a budget's present period, None when there is not enough data yet. Raises TooMuch."""
    if not can_forecast(rule) or span.end is None:
        return None
    fine = Unit.HOUR if rule.cycle.period is Period.DAY else Unit.DAY
    start = now - (_DAYS if fine is Unit.HOUR else _WEEKS)
    # From the first whole piece on.
    edges = cut(start, span.end, fine, rule.cycle.zone)[1:]
    past = [edge for edge in edges if edge <= now]
    if len(past) < 2:
        return None
    amounts = _since_first_use(pieces(rule, past))
    ended = past[len(past) - 1 - len(amounts) : -1]
    history = [Piece(amount, _season(edge, rule.cycle, fine)) for edge, amount in zip(ended, amounts, strict=True)]
    ahead = _ahead(edges, rule.cycle, fine, now)
    season_length = 24 if fine is Unit.HOUR else 7
    found = forecast(history, ahead, spent=spent, limit=limit, season_length=season_length)
    return Outlook(found, tuple(ahead)) if found else None


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
