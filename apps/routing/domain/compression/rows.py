"""Rows of a table that nobody referred to."""

import re
from collections.abc import Callable
from typing import Any

from . import tables
from .atoms import id_like

_ID = re.compile(r"(?:^|[._ ]|(?<=[a-z]))(?:id|key|number|code|Id|ID|Key|Number|Code)$")
LEFT_OUT = "rows left out"
MIN_ROWS = 4
"""A shorter table is part of one thing; a longer one is a list to choose from."""


def without_rows(value: Any, later: Callable[[str], bool]) -> tuple[Any, int]:
    """A narrow value without table rows whose ids are not among the atoms of what came later, and how many went.

    A table of which no row was referred to keeps its first row, so that its shape stays known. How many rows went is
    told beside the others.
    """
    return _thin(value, later)


def _thin(value: Any, later: Callable[[str], bool]) -> tuple[Any, int]:
    if isinstance(value, list):
        parts = [_thin(part, later) for part in value]
        return [part for part, _ in parts], sum(gone for _, gone in parts)
    if not isinstance(value, dict):
        return value, 0
    if tables.FIELDS in value and tables.ROWS in value:
        return _thin_table(value, later)
    pairs = {name: _thin(part, later) for name, part in value.items()}
    return {name: part for name, (part, _) in pairs.items()}, sum(gone for _, gone in pairs.values())


def _thin_table(table: dict[str, Any], later: Callable[[str], bool]) -> tuple[Any, int]:
    rows = table[tables.ROWS]
    names = [place for place, name in enumerate(table[tables.FIELDS]) if _names_things(name, rows, place)]
    if not names or len(rows) < MIN_ROWS:
        return table, 0
    kept = [row for row in rows if any(later(str(row[place]).lower()) for place in names)]
    gone = len(rows) - max(1, len(kept))
    if gone <= 0:
        return table, 0
    return {**table, tables.ROWS: kept or rows[:1], LEFT_OUT: gone}, gone


def _names_things(name: str, rows: list[list[Any]], place: int) -> bool:
    """Whether a column holds ids: by the form of its values, or by its name where every row has its own."""
    values = [row[place] for row in rows]
    if not all(isinstance(value, str) for value in values):
        return False
    return all(map(id_like, values)) or (bool(_ID.search(name)) and len(set(values)) == len(values))
