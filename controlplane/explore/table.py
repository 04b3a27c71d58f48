"""The table of Explore: the first dimension in rows, the second in columns, rests and totals that add up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.costs.domain.formats import Delta, delta
from apps.costs.selectors.metrics import OTHER
from controlplane.explore.asked import Found
from controlplane.explore.cells import Placed
from controlplane.explore.measures import NOTHING, Cell, Measure, Value, exact, merged, written
from controlplane.explore.ranking import by_group, shown
from controlplane.explore.state import MOST_COLUMNS, PATH, Explored
from controlplane.viewstate import NO_VALUE, dimension_name

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
Line = tuple[str | None, list[Cell], Cell]
"""A row before it is written: its group, None for the rest; its cells by column; all of it."""


def table(state: Explored, found: Found, slots: Mapping[str, int]) -> Table:
    """Rows by the first dimension, largest first, beside the earlier period's."""
    measure = state.measure
    grid, sums, groups = _grid(found.cells), found.sums, found.order
    kept = shown(groups, state.rows)
    rest = groups[len(kept) :]
    seconds = _columns(found.seconds)
    lines: list[Line] = [(key, [_of(grid.get(key, {}), group) for group in seconds], sums[key]) for key in kept]
    if rest:
        others = [cells for key, cells in grid.items() if key not in kept]
        folded = [merged(_of(cells, group) for cells in others) for group in seconds]
        lines.append((None, folded, merged(sums[key] for key in rest)))
    now, before, previous = by_group(found.elapsed), by_group(found.previous), bool(found.previous)
    whole = merged(sums.values())
    of = _shown(measure, whole)
    of_now, of_before = _shown(measure, merged(now.values())), _shown(measure, merged(before.values()))
    fields = _fields(state, lines, seconds, of)
    values, all_of_it = [of(cell) for _, _, cell in lines], of(whole)
    words = written(values, measure.unit)
    made = []
    for number, ((key, _, _), row_fields, text, value) in enumerate(zip(lines, fields, words, values, strict=True)):
        keys = [*rest, OTHER] if key is None else [key]
        was = of_before(merged(before.get(one, NOTHING) for one in keys))
        made.append(
            TableRow(
                number="" if key is None else str(number + 1),
                label=f"Other ({len(rest)})" if key is None else key or NO_VALUE,
                url="" if key is None else state.view.toggled(state.view.group, key).url(),
                is_filter=key is not None and state.view.has(state.view.group, key),
                slot=0 if key is None else slots.get(key, 0),
                share=_width(measure, value, all_of_it, values),
                fields=row_fields,
                total=Field(text, exact(value, measure.unit), _records(state, key)),
                previous=written([was], measure.unit)[0] if previous else "",
                moved=_moved(of_now(merged(now.get(one, NOTHING) for one in keys)), was) if previous else None,
            )
        )
    feet = [of(merged(_of(cells, group) for cells in grid.values())) for group in seconds]
    return Table(
        heading=dimension_name(state.view.group),
        columns=[_column_name(group) for group in seconds],
        rows=made,
        foot=written(feet, measure.unit),
        whole=written([of(whole)], measure.unit)[0],
        left_out=len(rest),
        has_previous=bool(previous),
    )


def _shown(measure: Measure, whole: Cell) -> Callable[[Cell], Value]:
    """The value of a cell as it is shown beside all usage of the same time."""
    every = measure.of(whole)
    return lambda cell: measure.out_of(measure.of(cell), every)


Second = str | tuple[str, ...]
"""A column: a group of the second dimension, or the groups that are summed up in the last one."""


def _grid(rows: Sequence[Placed]) -> Grid:
    parts: dict[str, dict[str, list[Cell]]] = {}
    for row in rows:
        parts.setdefault(row.values[0], {}).setdefault(row.values[-1], []).append(row.cell)
    return {first: {second: merged(cells) for second, cells in by.items()} for first, by in parts.items()}


def _columns(groups: Sequence[str]) -> list[Second]:
    kept = shown(groups, MOST_COLUMNS)
    return [*kept, tuple(groups[len(kept) :])] if len(kept) < len(groups) else list(kept)


def _of(cells: Mapping[str, Cell], group: Second) -> Cell:
    if isinstance(group, str):
        return cells.get(group, NOTHING)
    return merged(cells[one] for one in (*group, OTHER) if one in cells)


def _column_name(group: Second) -> str:
    return (group or NO_VALUE) if isinstance(group, str) else f"Other ({len(group)})"


def _fields(
    state: Explored, lines: Sequence[Line], seconds: Sequence[Second], of: Callable[[Cell], Value]
) -> list[list[Field]]:
    measure = state.measure
    columns = []
    for index, group in enumerate(seconds):
        values = [of(cells[index]) if cells[index] != NOTHING else None for _, cells, _ in lines]
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


def _moved(value: Value, was: Value) -> Delta | None:
    return None if value is None or was is None else delta(value, was)


def _width(measure: Measure, value: Value, whole: Value, values: Sequence[Value]) -> str:
    """How long the bar of a row is, in percent: of the whole, or of the largest where values do not add up."""
    most = whole if measure.is_additive else max((one for one in values if one is not None), default=None)
    if value is None or not most or most < 0:
        return "0"
    return f"{value * 100 / most:.2f}" if value > 0 else str(Decimal(0))
