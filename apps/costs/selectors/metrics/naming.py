"""Ids of values as the names people know, and answers that keep only some of the names apart."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection

from apps.costs.domain.kinds import NarrowKind, Status
from apps.costs.selectors.metrics import from_records, narrow
from apps.costs.selectors.metrics.filters import LABELLED
from apps.costs.selectors.metrics.shapes import OTHER, UsageQuery
from apps.costs.selectors.metrics.snapshot import remembered

OUTSIDE = {"user": "costs_label", "tool": "costs_label", "error_type": "costs_label", "key": "access_apikey"}

Top = Mapping[str, Collection[str]]
"""By dimension the names that an answer keeps apart; all others are added up under OTHER."""
NO_TOP: Top = {}
Columns = Mapping[str, tuple[str, Mapping[str, Any]]]
"""What is grouped by, as SQL with its parameters, by the column that it is made of."""


def names_of(
    query: UsageQuery,
    name: str,
    wanted: set[Any],
    slim: narrow.Narrow | None = None,
    only: Collection[str] | None = None,
) -> dict[Any, str]:
    """The names of values of a dimension by their ids; 0 and what is gone read "".

    With `only`, every other name is OTHER, and so is None, the id of values that were added up already.
    """
    found = _named(name, wanted - {None}, slim)
    _known(query, name, slim).update(found)
    if only is None:
        return found
    return {None: OTHER, **{value: text if text in only else OTHER for value, text in found.items()}}


def apart(
    query: UsageQuery, columns: Mapping[str, str], slim: narrow.Narrow | None, top: Top, alias: str = ""
) -> Columns:
    """The columns of dimensions as SQL with its parameters, NULL for values whose names are outside of `top`.

    One that stands for two dimensions keeps every value.
    """
    stored = list(columns.values())
    return {
        column: (f"{alias}{column}", {})
        if stored.count(column) > 1
        else _kept_apart(_known(query, name, slim), f"{alias}{column}", top.get(name), f"apart{place}")
        for place, (name, column) in enumerate(columns.items())
    }


def _kept_apart(
    known: Mapping[Any, str], column: str, only: Collection[str] | None, parameter: str
) -> tuple[str, dict[str, Any]]:
    """A column less the values outside of the names in `only`.

    The names were read when the same question was asked for every value, to rank them. Where it was not asked in this
    snapshot, every value stays, to be added up by `names_of`.
    """
    if only is None or not set(only) <= set(known.values()):
        return column, {}
    values = [value for value, text in known.items() if text in only]
    return f"CASE WHEN {column} = ANY(%({parameter})s) THEN {column} END", {parameter: values}


def _known(query: UsageQuery, name: str, slim: narrow.Narrow | None) -> dict[Any, str]:
    """The names this snapshot has read for a dimension of a question."""
    asked = (query.start, query.end, query.project_ids, query.include_demo, *sorted(query.filters.items()))
    return remembered(("names", name, slim is not None and slim.name == name, *asked))


def _named(name: str, wanted: set[Any], slim: narrow.Narrow | None) -> dict[Any, str]:
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
