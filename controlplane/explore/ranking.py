"""Which groups are shown by themselves: the largest of all. Only these are asked for piece by piece."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from controlplane.explore.cells import Placed
from controlplane.explore.measures import Cell, Measure, merged

_LEAST = Decimal("-Infinity")


def rank(measure: Measure, cell: Cell) -> Decimal:
    """What groups are ordered by, largest first; a group without a value comes last."""
    value = measure.of(cell)
    return _LEAST if value is None else value


def by_group(rows: Iterable[Placed]) -> dict[str, Cell]:
    """The cells by the groups of the first dimension, all buckets and other dimensions added up."""
    parts: dict[str, list[Cell]] = {}
    for row in rows:
        parts.setdefault(row.values[0], []).append(row.cell)
    return {key: merged(cells) for key, cells in parts.items()}


def together(rows: Iterable[Placed], place: Callable[[Placed], tuple[tuple[str, ...], Any]]) -> list[Placed]:
    """The cells added up by the group values and the bucket that `place` gives each."""
    parts: dict[tuple[tuple[str, ...], Any], list[Cell]] = {}
    for row in rows:
        parts.setdefault(place(row), []).append(row.cell)
    return [Placed(*key, merged(cells)) for key, cells in parts.items()]


def ranked(measure: Measure, sums: Mapping[str, Cell]) -> list[str]:
    """The groups of one dimension, largest first."""
    ranks = {key: rank(measure, cell) for key, cell in sums.items()}
    return sorted(ranks, key=lambda key: (-ranks[key], key))


def shown(groups: Sequence[str], most: int, *, spare: int = 1) -> Sequence[str]:
    """Those that are shown by themselves: all, if none or `spare` more than `most` are there, else the first ones."""
    return groups if len(groups) <= most + spare else groups[:most]
