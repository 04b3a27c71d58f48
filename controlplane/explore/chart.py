"""A measure over time by one dimension: the six largest groups and the rest, for the canvas and as a table."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.costs.domain.calendars import piece_title
from apps.costs.domain.colours import MOST_SERIES, OTHER_SLOT, slots
from apps.costs.domain.periods import Comparison, Period
from controlplane.charts import canvas, title
from controlplane.explore.asked import Found
from controlplane.explore.cells import Placed
from controlplane.explore.measures import Cell, Measure, Value, merged, written
from controlplane.explore.state import Explored, Shape
from controlplane.viewstate import NO_VALUE

Line = list[Cell]


@dataclass(frozen=True, slots=True)
class Series:
    """One colour: its cells by piece, as drawn. `key` is None for the rest."""

    key: str | None
    name: str
    slot: int
    values: list[Value]
    total: str


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of time in words."""

    title: str
    total: str
    cells: list[str]
    previous: str
    is_running: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """The chart; `totals` are the last line of its table."""

    series: list[Series]
    rows: list[Row]
    whole: str
    previous: str
    data: str
    summary: str
    has_previous: bool
    running: bool


def drawn(
    state: Explored,
    period: Period,
    found: Found,
    numbers: Mapping[str, int],
) -> Drawn:
    """The chart of a state, from the cells of the period by the first dimension and those of the earlier one."""
    measure, running = state.measure, state.shape is Shape.RUNNING
    comparison, previous, lines = found.comparison, found.before, _lines(period, found.series)
    whole = [merged(column) for column in zip(*lines.values(), strict=True)] if lines else []
    parts = _values(whole, measure, period, running)
    series = _series(state, lines, found.order, parts, numbers, period)
    totals = [measure.out_of(value, value) for value in parts]
    # Of shares the whole is always the same: there is nothing to compare.
    has_before = comparison and previous and not measure.is_share
    before = _before(comparison, previous, measure, running) if comparison and has_before else []
    names = [(one.name, one.slot, one.values) for one in series]
    unit = measure.unit.value
    columns = [written(one.values, measure.unit) for one in series]
    sums, earlier = written(totals, measure.unit), written(before, measure.unit)
    return Drawn(
        series,
        [
            Row(
                title(period, index),
                sums[index] if sums else written([None], measure.unit)[0],
                [column[index] for column in columns],
                earlier[index] if before else "",
                index == period.running_piece,
            )
            for index in range(len(period.pieces) - 1)
        ],
        written([_of_all(measure, merged(whole))], measure.unit)[0] if whole else "",
        written([measure.of(merged([one.cell for one in previous]))], measure.unit)[0] if before else "",
        canvas(period, names, comparison, before, unit=unit, lines=not measure.is_additive),
        _summary(state, period, whole, series),
        bool(before),
        period.running_piece is not None,
    )


def _lines(period: Period, rows: Sequence[Placed]) -> dict[str, Line]:
    """The cells of each group by piece; rows may be cut finer than pieces, never coarser."""
    found: dict[str, dict[int, list[Cell]]] = {}
    for row in rows:
        assert row.bucket is not None
        piece = bisect_right(period.pieces, row.bucket) - 1
        found.setdefault(row.values[0], {}).setdefault(piece, []).append(row.cell)
    pieces = range(len(period.pieces) - 1)
    return {key: [merged(by_piece.get(piece, ())) for piece in pieces] for key, by_piece in found.items()}


def _of_all(measure: Measure, whole: Cell) -> Value:
    value = measure.of(whole)
    return measure.out_of(value, value)


def _series(
    state: Explored,
    lines: Mapping[str, Line],
    groups: Sequence[str],
    wholes: Sequence[Value],
    numbers: Mapping[str, int],
    period: Period,
) -> list[Series]:
    measure, running = state.measure, state.shape is Shape.RUNNING
    every = measure.of(merged(cell for line in lines.values() for cell in line))
    named = groups[:MOST_SERIES]
    rest = [key for key in lines if key not in named]
    last = max(numbers.values(), default=0)
    unseen = {key: last + 1 + index for index, key in enumerate(sorted(set(named) - set(numbers)))}
    colours = slots({key: numbers.get(key) or unseen[key] for key in named})

    def one(key: str | None, name: str, slot: int, line: Line) -> Series:
        total = written([measure.out_of(measure.of(merged(line)), every)], measure.unit)[0]
        values = [measure.out_of(*pair) for pair in zip(_values(line, measure, period, running), wholes, strict=True)]
        return Series(key, name, slot, values, total)

    series = [one(key, key or NO_VALUE, colours[key], lines[key]) for key in named]
    if rest:
        line = [merged(column) for column in zip(*(lines[key] for key in rest), strict=True)]
        series.append(one(None, f"Other ({len(groups) - len(named)})", OTHER_SLOT, line))
    return series


def _values(line: Sequence[Cell], measure: Measure, period: Period, running: bool) -> list[Value]:
    """A value for each piece, or with `running` for all up to it; none for pieces that have not begun."""
    values: list[Value] = []
    so_far: list[Cell] = []
    for start, cell in zip(period.pieces, line, strict=False):
        so_far = [merged([*so_far, cell])] if running else [cell]
        is_to_come = start > period.now and (running or not measure.is_additive)
        values.append(None if is_to_come else measure.of(so_far[0]))
    return values


def _before(comparison: Comparison, rows: Sequence[Placed], measure: Measure, running: bool) -> list[Value]:
    """The earlier period's value for each piece; none past the compared part, so that the line ends there."""
    by_start: dict[object, list[Cell]] = {}
    for row in rows:
        by_start.setdefault(row.bucket, []).append(row.cell)
    values: list[Value] = []
    so_far: list[Cell] = []
    for start, stop in pairwise(comparison.pieces):
        here = by_start.get(start, []) if start < stop else []
        so_far = [merged([*so_far, *here])] if running else here
        values.append(measure.of(merged(so_far)) if start < comparison.previous.end else None)
    return values


def _summary(state: Explored, period: Period, whole: Sequence[Cell], series: Sequence[Series]) -> str:
    measure = state.measure
    total = measure.of(merged(whole)) if whole else None
    largest = next((one for one in series if one.key is not None), None)
    first = f" Largest: {largest.name}, {largest.total}." if largest else ""
    if not whole or total is None:
        return f"{measure.label}, {period.label}: nothing measured."
    if measure.is_share:
        return f"{measure.label}, {period.label}.{first}"
    known = [(value, index) for index, cell in enumerate(whole) if (value := measure.of(cell)) is not None]
    peak = max(known)
    most = piece_title(period.pieces[peak[1]], period.unit, period.zone)
    words = written([total, peak[0]], measure.unit)
    return f"{measure.label}, {period.label}: {words[0]}. Most in one {period.unit}: {words[1]} ({most}).{first}"
