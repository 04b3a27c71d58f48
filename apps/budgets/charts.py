"""Budgets as charts and meters: the only place of the app where money becomes float, since pixels need no more."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.budgets.domain.cycles import Cycle
from apps.budgets.domain.replaying import Replayed
from apps.budgets.domain.sentences import amount, level
from apps.budgets.domain.states import BudgetState, Unit
from apps.budgets.domain.thresholds import Action, Threshold
from apps.costs.domain.calendars import Unit as TimeUnit
from apps.costs.domain.calendars import piece_name, piece_title

_ZERO = Decimal(0)
_UNITS = {Unit.USD: "usd", Unit.TOKENS: "tokens", Unit.CALLS: "count"}


@dataclass(frozen=True, slots=True)
class Tick:
    """A threshold on a meter: where, and what it is."""

    at: str
    kind: str


@dataclass(frozen=True, slots=True)
class Meter:
    """A bar from nothing to a little past the largest of its amounts: widths in percent, as text."""

    spent: str
    reserved_from: str
    reserved: str
    forecast: str
    limit: str
    level: str
    ticks: tuple[Tick, ...]
    words: str


def meter(state: BudgetState, forecast: Decimal | None = None) -> Meter:
    """The meter of one counter, and the same in words but for the forecast, which has a line of its own."""
    levels = [(one, one.level(state.limit, state.raised)) for one in state.thresholds]
    most = max(state.limit, state.spent + state.reserved, forecast or _ZERO, *(level for _, level in levels)) * Decimal(
        "1.04"
    )

    def width(value: Decimal) -> str:
        return f"{value * 100 / most:.2f}"

    unit = state.unit
    words = [f"{amount(state.spent, unit)} spent of {amount(state.limit, unit)}"]
    if state.reserved:
        words.append(f"{amount(state.reserved, unit)} reserved")
    words.append(f"{amount(state.remaining, unit)} left")
    return Meter(
        spent=width(state.spent),
        reserved_from=width(state.spent),
        reserved=width(state.reserved),
        forecast=width(forecast) if forecast is not None else "",
        limit=width(state.limit),
        level={"blocked": "danger", "over": "danger", "warn": "warn"}.get(state.state, "ok"),
        ticks=tuple(Tick(width(level), "block" if one.action is Action.BLOCK else "level") for one, level in levels),
        words=", ".join(words),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table under the chart."""

    title: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BudgetChart:
    """Amounts added up over time beside the limit: JSON for the canvas, rows for the table."""

    data: str
    headings: tuple[str, ...]
    slots: tuple[int, ...]
    rows: tuple[Line, ...]


def burn_down(
    cycle: Cycle,
    edges: Sequence[datetime],
    spent: Sequence[Decimal | None],
    expected: Sequence[Decimal | None],
    limit: Decimal,
    unit: str,
) -> BudgetChart:
    """What a period has used, added up piece by piece, what is still expected, and the limit as a dashed line."""
    hours = len(edges) > 1 and (edges[1] - edges[0]).total_seconds() <= 3600
    fine = TimeUnit.HOUR if hours else TimeUnit.DAY
    series = [("Spent, added up", 1, spent)]
    if any(value is not None for value in expected):
        series.append(("Forecast", 2, expected))
    labels = [piece_name(edge, fine, cycle.zone) for edge in edges[:-1]]
    data = {
        "labels": labels,
        "partial": None,
        "unit": _UNITS[unit],
        "lines": True,
        "series": [{"name": name, "slot": slot, "values": _floats(values)} for name, slot, values in series],
        "previous": {"name": "Limit", "values": _floats([limit] * len(labels)), "titles": []},
    }
    rows = [
        Line(
            piece_title(edge, fine, cycle.zone),
            tuple("–" if values[place] is None else amount(values[place] or _ZERO, unit) for _, _, values in series),
        )
        for place, edge in enumerate(edges[:-1])
    ]
    return BudgetChart(
        json.dumps(data), tuple(name for name, _, _ in series), tuple(slot for _, slot, _ in series), tuple(rows)
    )


def replay_chart(
    cycle: Cycle, periods: Sequence[Replayed], limit: Decimal, unit: str, thresholds: Sequence[Threshold] = ()
) -> BudgetChart:
    """What each of the last periods used in all, beside the drawn limit and the levels of the thresholds."""
    length = TimeUnit.HOUR if cycle.period == "hour" else TimeUnit.DAY
    labels = [piece_name(one.span.start, length, cycle.zone) for one in periods]
    data = {
        "labels": labels,
        "partial": len(labels) - 1,
        "unit": _UNITS[unit],
        "series": [{"name": "Used in the period", "slot": 1, "values": _floats([one.total for one in periods])}],
        "previous": {"name": "Limit", "values": _floats([limit] * len(labels)), "titles": []},
        "levels": _levels(thresholds, limit, unit),
    }
    rows = [Line(piece_title(one.span.start, length, cycle.zone), (amount(one.total, unit),)) for one in periods]
    return BudgetChart(json.dumps(data), ("Used in the period",), (1,), tuple(rows))


@dataclass(frozen=True, slots=True)
class PastPeriod:
    """What a period that is over used in all, how much of it was reported after its end, and its limit."""

    start: datetime
    used: Decimal
    late: Decimal
    limit: Decimal


def past_chart(cycle: Cycle, periods: Sequence[PastPeriod], unit: str) -> BudgetChart:
    """Periods that are over, in their order, beside their limits; what came late has a colour of its own."""
    length = TimeUnit.HOUR if cycle.period == "hour" else TimeUnit.DAY
    series = [("Used", 1, [max(_ZERO, one.used - one.late) for one in periods])]
    if any(one.late for one in periods):
        series.append(("Reported after its end", 2, [one.late for one in periods]))
    data = {
        "labels": [piece_name(one.start, length, cycle.zone) for one in periods],
        "partial": None,
        "unit": _UNITS[unit],
        "series": [{"name": name, "slot": slot, "values": _floats(values)} for name, slot, values in series],
        "previous": {"name": "Limit", "values": _floats([one.limit for one in periods]), "titles": []},
    }
    rows = [
        Line(piece_title(one.start, length, cycle.zone), tuple(amount(values[place], unit) for _, _, values in series))
        for place, one in enumerate(periods)
    ]
    return BudgetChart(
        json.dumps(data), tuple(name for name, _, _ in series), tuple(slot for _, slot, _ in series), tuple(rows)
    )


def _levels(thresholds: Sequence[Threshold], limit: Decimal, unit: str) -> list[dict[str, Any]]:
    """Where thresholds begin, each amount once with all that begins there; the limit itself has its line already."""
    named: dict[Decimal, list[str]] = {}
    for one in thresholds:
        named.setdefault(one.level(limit), []).append(f"{one.action.value} at {level(one, unit)}")
    return [{"name": ", ".join(names), "value": float(at)} for at, names in sorted(named.items()) if at != limit]


def _floats(values: Sequence[Decimal | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]
