"""Ids of values as the names people know."""

from typing import Any

from django.db import connection

from apps.costs.domain.kinds import NarrowKind, Status
from apps.costs.selectors.metrics import from_records, narrow
from apps.costs.selectors.metrics.filters import LABELLED

OUTSIDE = {"user": "costs_label", "tool": "costs_label", "error_type": "costs_label", "key": "access_apikey"}


def names_of(name: str, wanted: set[Any], slim: narrow.Narrow | None) -> dict[Any, str]:
    """The names of values of a dimension by their ids; 0 and what is gone read ""."""
    if slim and name == slim.name:
        table = "access_apikey" if slim.kind is NarrowKind.KEY else "costs_label"
        return {number: narrow.spoken(slim, text) for number, text in _read(table, "name", wanted).items()}
    if from_records.is_text(name):
        return {text: text for text in wanted}
    if name in OUTSIDE:
        return _read(OUTSIDE[name], "name", wanted)
    if name == "status":
        return {number: Status(number).name.lower() for number in wanted}
    if name in LABELLED:
        return _read("costs_label", "name", wanted)
    if name in ("agent", "project"):
        return _read(f"access_{name}", "name", wanted)
    return _read("costs_usedmodel", "provider" if name == "provider" else "name", wanted)


def _read(table: str, column: str, wanted: set[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {column} FROM {table} WHERE id = ANY(%s)", [list(wanted)])
        return {0: "", **dict.fromkeys(wanted, ""), **dict(cursor.fetchall())}
