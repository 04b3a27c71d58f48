"""The table of Explore: the first dimension in rows, the second in columns, rests and totals that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.costs.domain.formats import Delta, delta
from controlplane.explore.cells import Placed
from controlplane.explore.chart import rank
from controlplane.explore.measures import NOTHING, Cell, Measure, Value, exact, merged, written
from controlplane.explore.state import PATH, Explored
from controlplane.viewstate import NO_VALUE, dimension_name

MOST_COLUMNS = 6
RECORDS = f"{PATH}/records"


@dataclass(frozen=True, slots=True)
class Field:
    """One number of the table; `url` leads to the records behind it, "" where it stands for several groups."""

    words: str
    exact: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One group of the first dimension, or the rest; `url` toggles it as a filter."""

    number: str
    label: str
    url: str
    is_filter: bool
    slot: int | None
    share: str
    fields: list[Field]
    total: Field
    previous: str
    moved: Delta | None


@dataclass(frozen=True, slots=True)
class Table:
    """All of it; `columns` are the groups of the second dimension, the last may be the rest."""

    heading: str
    columns: list[str]
    rows: list[TableRow]
    foot: list[str]
    whole: str
    left_out: int
    has_previous: bool


Grid = dict[str, dict[str, Cell]]


def table(
    state: Explored,
    rows: Sequence[Placed],
    elapsed: Sequence[Placed],
    previous: Sequence[Placed],
    slots: Mapping[str, int],
) -> Table:
    """Rows by the first dimension, largest first. `elapsed` and `previous` are what is compared, by that dimension."""
    measure = state.measure
    grid = _grid(rows)
    sums = {key: merged(cells.values()) for key, cells in grid.items()}
    ranked = sorted(sums, key=lambda key: (-rank(measure, sums[key]), key))
    kept = ranked if len(ranked) <= state.rows + 1 else ranked[: state.rows]
    rest = ranked[len(kept) :]
    seconds = _columns(grid, state)
    lines = [(key, [_of(grid[key], group) for group in seconds], sums[key]) for key in kept]
    if rest:
        folded = [merged(_of(grid[key], group) for key in rest) for group in seconds]
        lines.append((None, folded, merged(sums[key] for key in rest)))  # type: ignore[arg-type]
    now, before = _by_first(elapsed), _by_first(previous)
    whole = merged(sums.values())
    fields = _fields(state, lines, seconds)
    words = written([measure.of(cell) for _, _, cell in lines], measure.unit)
    made = []
    for number, ((key, _, cell), row_fields, text) in enumerate(zip(lines, fields, words, strict=True)):
        keys = rest if key is None else [key]
        was = measure.of(merged(before.get(one, NOTHING) for one in keys))
        made.append(
            TableRow(
                number="" if key is None else str(number + 1),
                label=f"Other ({len(rest)})" if key is None else key or NO_VALUE,
                url="" if key is None else state.view.toggled(state.view.group, key).url(),
                is_filter=key is not None and state.view.has(state.view.group, key),
                slot=0 if key is None else slots.get(key, 0),
                share=_width(measure, measure.of(cell), whole, lines),
                fields=row_fields,
                total=Field(text, exact(measure.of(cell), measure.unit), _records(state, key)),
                previous=written([was], measure.unit)[0] if previous else "",
                moved=_moved(measure, merged(now.get(one, NOTHING) for one in keys), was) if previous else None,
            )
        )
    feet = [measure.of(merged(_of(cells, group) for cells in grid.values())) for group in seconds]
    return Table(
        heading=dimension_name(state.view.group),
        columns=[_column_name(group) for group in seconds],
        rows=made,
        foot=written(feet, measure.unit),
        whole=written([measure.of(whole)], measure.unit)[0],
        left_out=len(rest),
        has_previous=bool(previous),
    )


Second = str | tuple[str, ...]
"""A column: a group of the second dimension, or the groups that are summed up in the last one."""


def _grid(rows: Sequence[Placed]) -> Grid:
    parts: dict[str, dict[str, list[Cell]]] = {}
    for row in rows:
        parts.setdefault(row.values[0], {}).setdefault(row.values[-1], []).append(row.cell)
    return {first: {second: merged(cells) for second, cells in by.items()} for first, by in parts.items()}


def _columns(grid: Grid, state: Explored) -> list[Second]:
    if not state.then:
        return []
    by: dict[str, list[Cell]] = {}
    for cells in grid.values():
        for second, cell in cells.items():
            by.setdefault(second, []).append(cell)
    sums = {second: merged(cells) for second, cells in by.items()}
    ranked = sorted(sums, key=lambda second: (-rank(state.measure, sums[second]), second))
    if len(ranked) <= MOST_COLUMNS + 1:
        return list(ranked)
    return [*ranked[:MOST_COLUMNS], tuple(ranked[MOST_COLUMNS:])]


def _of(cells: Mapping[str, Cell], group: Second) -> Cell:
    if isinstance(group, str):
        return cells.get(group, NOTHING)
    return merged(cells[one] for one in group if one in cells)


def _column_name(group: Second) -> str:
    return (group or NO_VALUE) if isinstance(group, str) else f"Other ({len(group)})"


def _fields(
    state: Explored, lines: Sequence[tuple[str | None, list[Cell], Cell]], seconds: Sequence[Second]
) -> list[list[Field]]:
    measure = state.measure
    columns = []
    for index, group in enumerate(seconds):
        values = [measure.of(cells[index]) if cells[index] != NOTHING else None for _, cells, _ in lines]
        words = written(values, measure.unit)
        columns.append(
            [
                Field(text, exact(value, measure.unit), _records(state, key, group) if value is not None else "")
                for text, value, (key, _, _) in zip(words, values, lines, strict=True)
            ]
        )
    return [list(fields) for fields in zip(*columns, strict=True)] if columns else [[] for _ in lines]


def _records(state: Explored, first: str | None, second: Second | None = None) -> str:
    """The records of one group, or of one cell."""
    if first is None or isinstance(second, tuple):
        return ""
    view = state.view.only(state.view.group, first)
    return (view if second is None else view.only(state.then, second)).url(RECORDS)


def _by_first(rows: Sequence[Placed]) -> dict[str, Cell]:
    parts: dict[str, list[Cell]] = {}
    for row in rows:
        parts.setdefault(row.values[0], []).append(row.cell)
    return {first: merged(cells) for first, cells in parts.items()}


def _moved(measure: Measure, now: Cell, was: Value) -> Delta | None:
    value = measure.of(now)
    return None if value is None or was is None else delta(value, was)


def _width(measure: Measure, value: Value, whole: Cell, lines: Sequence[tuple[str | None, list[Cell], Cell]]) -> str:
    """How long the bar of a row is, in percent: of the whole, or of the largest where values do not add up."""
    most = measure.of(whole) if measure.is_additive else max((rank(measure, cell) for _, _, cell in lines))
    if value is None or not most or most < 0:
        return "0"
    return f"{value * 100 / most:.2f}" if value > 0 else str(Decimal(0))
