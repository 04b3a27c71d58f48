"""Rows of the rollups into chart data: the only place where money becomes float, since pixels need no more."""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from apps.costs.domain.calendars import piece_name, piece_title
from apps.costs.domain.colours import MOST_SERIES, OTHER_SLOT, slots
from apps.costs.domain.formats import money, money_column
from apps.costs.domain.periods import Comparison, Period
from apps.costs.selectors.metrics import OTHER, SeriesRow
from controlplane.viewstate import NO_VALUE

_ZERO = Decimal(0)
Values = list[Decimal]
Before = list[Decimal | None]
Line = tuple[str, int, Sequence[Decimal | None]]
"""A series as it is drawn: its name, its colour, a value for each piece."""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the chart: a group's exact amounts by piece. `key` is None for the rest."""

    key: str | None
    name: str
    slot: int
    values: Values

    @property
    def total(self) -> Decimal:
        """The sum over all pieces, in USD."""
        return sum(self.values, _ZERO)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table under the chart: the same numbers in words."""

    title: str
    cells: list[str]
    total: str
    previous: str
    is_running: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Spend over time, stacked by group: for the canvas as JSON, for the table as rows."""

    series: list[Series]
    rows: list[Row]
    totals: list[str]
    data: str
    summary: str
    has_previous: bool
    running: bool


def spend_chart(
    period: Period,
    current: Sequence[SeriesRow],
    previous: Sequence[SeriesRow],
    comparison: Comparison | None,
    numbers: Mapping[str, int],
    marks: Sequence[int] = (),
    *,
    groups: int | None = None,
) -> Chart:
    """Stacks spend by group: the six dearest and the rest, with the earlier period's total beside each piece.

    `groups` says how many there are, where all but the dearest are one group named OTHER.

    `marks` are the pieces in which something happened that a line shall show.
    """
    series = _stack(period, current, numbers, groups)
    totals = [sum(column, _ZERO) for column in zip(*(one.values for one in series), strict=True)]
    totals = totals or [_ZERO] * (len(period.pieces) - 1)
    before = _before(comparison, previous) if comparison and any(row.totals.cost_usd for row in previous) else []
    return Chart(
        series=series,
        rows=_rows(period, series, totals, before),
        totals=[money(one.total) for one in series],
        data=canvas(period, [(one.name, one.slot, one.values) for one in series], comparison, before, marks=marks),
        summary=_summary(period, series, totals),
        has_previous=bool(before),
        running=period.running_piece is not None,
    )


def _stack(
    period: Period, rows: Sequence[SeriesRow], numbers: Mapping[str, int], groups: int | None = None
) -> list[Series]:
    by_group: defaultdict[str, Values] = defaultdict(lambda: [_ZERO] * (len(period.pieces) - 1))
    for row in rows:
        by_group[row.key or ""][_piece_of(period, row)] += row.totals.cost_usd
    ranked = sorted(by_group, key=lambda key: (key == OTHER, -sum(by_group[key], _ZERO), key))
    # What has no name and cost nothing, like executions of tools by model, would only be a word in the legend.
    ranked = [key for key in ranked if key or any(by_group[key])] or ranked
    named = [key for key in ranked[:MOST_SERIES] if key != OTHER]
    rest = ranked[len(named) :]
    last = max(numbers.values(), default=0)
    unseen = {key: last + 1 + index for index, key in enumerate(sorted(set(named) - set(numbers)))}
    colours = slots({key: numbers.get(key) or unseen[key] for key in named})
    series = [Series(key, key or NO_VALUE, colours[key], by_group[key]) for key in named]
    if rest:
        columns = zip(*(by_group[key] for key in rest), strict=True)
        name = f"Other ({(groups or len(ranked)) - len(named)})"
        series.append(Series(None, name, OTHER_SLOT, [sum(column, _ZERO) for column in columns]))
    return series


def _piece_of(period: Period, row: SeriesRow) -> int:
    """The piece a row belongs to; rows may be cut finer than pieces, never coarser."""
    return bisect_right(period.pieces, row.bucket) - 1


def _before(comparison: Comparison, rows: Sequence[SeriesRow]) -> Before:
    """The earlier period's total for each piece.

    A piece past the compared part is None, so that the line ends there; an hour that its clocks skipped is 0.
    """
    by_start = {row.bucket: row.totals.cost_usd for row in rows}
    values: Before = []
    for start, stop in pairwise(comparison.pieces):
        known = by_start.get(start, _ZERO) if start < stop else _ZERO
        values.append(known if start < comparison.previous.end else None)
    return values


def _rows(period: Period, series: list[Series], totals: Values, before: Before) -> list[Row]:
    columns = [money_column([*one.values, one.total])[:-1] for one in series]
    sums, earlier = money_column(totals), money_column([value or _ZERO for value in before])
    return [
        Row(
            title=title(period, index),
            cells=[column[index] for column in columns],
            total=sums[index],
            previous="" if not before or before[index] is None else earlier[index],
            is_running=index == period.running_piece,
        )
        for index in range(len(totals))
    ]


def title(period: Period, index: int) -> str:
    """The full name of a piece; of the running one with "so far"."""
    name = piece_title(period.pieces[index], period.unit, period.zone)
    return f"{name}, so far" if index == period.running_piece else name


def canvas(
    period: Period,
    series: Sequence[Line],
    comparison: Comparison | None,
    before: Sequence[Decimal | None],
    *,
    unit: str = "usd",
    lines: bool = False,
    marks: Sequence[int] = (),
) -> str:
    """What charts.js draws: bars that are stacked, or lines where values cannot be added up."""
    starts = period.pieces[:-1]
    data: dict[str, object] = {
        "labels": [piece_name(start, period.unit, period.zone) for start in starts],
        "partial": period.running_piece,
        "unit": unit,
        "lines": lines,
        "series": [{"name": name, "slot": slot, "values": _drawn(values)} for name, slot, values in series],
        "previous": None,
        "marks": sorted(set(marks)),
    }
    if comparison and before:
        titles = [piece_title(start, period.unit, period.zone) for start in comparison.pieces[:-1]]
        data["previous"] = {"name": "Earlier period", "values": _drawn(before), "titles": titles}
    return json.dumps(data, separators=(",", ":"))


def _drawn(values: Sequence[Decimal | None]) -> list[float | None]:
    """As precise as what one reads where one points: to the cent, also when a piece is added up."""
    return [None if value is None else float(f"{value:.4f}" if abs(value) >= 1 else f"{value:.4g}") for value in values]


def _summary(period: Period, series: list[Series], totals: Values) -> str:
    whole = sum(totals, _ZERO)
    if not whole:
        return f"No spend in {period.label}."
    peak = max(range(len(totals)), key=lambda index: totals[index])
    top = max(series, key=lambda one: one.total)
    most = piece_title(period.pieces[peak], period.unit, period.zone)
    return (
        f"{period.label}: {money(whole)}. Most in one {period.unit}: {money(totals[peak])} ({most})."
        f" Dearest: {top.name}, {money(top.total)}."
    )
