"""Rows of a table that nobody referred to."""

from typing import Any

from . import tables
from .atoms import id_like

MIN_ROWS = 4
"""A shorter table is part of one thing; a longer one is a list to choose from."""


def without_rows(value: Any, later: set[str]) -> tuple[Any, int]:
    """A narrow value without table rows whose ids are not among the atoms of what came later, and how many went.

    A table of which no row was referred to keeps its first row, so that its shape stays known. How many rows went is
    told beside the others.
    """
    return _thin(value, later)


def _thin(value: Any, later: set[str]) -> tuple[Any, int]:
    if isinstance(value, list):
        parts = [_thin(part, later) for part in value]
        return [part for part, _ in parts], sum(gone for _, gone in parts)
    if not isinstance(value, dict):
        return value, 0
    if tables.FIELDS in value and tables.ROWS in value:
        return _thin_table(value, later)
    pairs = {name: _thin(part, later) for name, part in value.items()}
    return {name: part for name, (part, _) in pairs.items()}, sum(gone for _, gone in pairs.values())


def _thin_table(table: dict[str, Any], later: set[str]) -> tuple[Any, int]:
    rows = table[tables.ROWS]
    names = [place for place, _ in enumerate(table[tables.FIELDS]) if _names_things(rows, place)]
    if not names or len(rows) < MIN_ROWS:
        return table, 0
    kept = [row for row in rows if any(str(row[place]).lower() in later for place in names)]
    gone = len(rows) - max(1, len(kept))
    if gone <= 0:
        return table, 0
    return {**table, tables.ROWS: kept or rows[:1], "rows left out": gone}, gone


def _names_things(rows: list[list[Any]], place: int) -> bool:
    values = [row[place] for row in rows]
    return all(isinstance(value, str) and id_like(value) for value in values)
