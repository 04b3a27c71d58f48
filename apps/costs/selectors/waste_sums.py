"""What one span of a fold wasted, computed from the records and quarter-hours, as rows of costs_wasteslice.

The sweep that folds writes these rows, and the proof compares with them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.costs.domain.kinds import Status
from apps.costs.domain.slices import (
    ERRORS,
    EVERY,
    HOUR_ERRORS,
    HOUR_SLICES,
    HOURS,
    SLICES,
    Slice,
)
from apps.costs.domain.wasting import SPENT_SUMS, WASTE_SUMS, WasteTotals, waste_totals
from apps.costs.selectors import recount
from apps.costs.selectors.metrics import waste_records
from apps.costs.selectors.metrics.shapes import UsageQuery
from apps.costs.selectors.summing import total
from apps.costs.selectors.task_sums import CELL

KEPT = (*WASTE_SUMS, *SPENT_SUMS)
"""The sums of a row."""
KEYS = ("slice", "bucket", "project_id", "a_id", "b_id")


@dataclass(frozen=True, slots=True)
class WasteFold:
    """A folded day, or hour, and whether its sums of waste hold."""

    zone: str
    start: datetime
    end: datetime
    version: int | None = None

    @property
    def is_hour(self) -> bool:
        """Whether it is an hour of a day that is not folded yet."""
        return self.zone == HOURS


def parameters(fold: WasteFold) -> dict[str, Any]:
    """The parameters of `rows`: what only single records tell is computed here, by hour and cell."""
    query = UsageQuery(fold.start, fold.end, include_demo=True)
    hour = "date_bin('1 hour', r.occurred_at, %(fold_start)s)"
    keys = waste_records.Keys((hour, "r.cell_id"), {"fold_start": fold.start})
    parts: defaultdict[tuple[Any, ...], list[WasteTotals]] = defaultdict(list)
    for place, found in (*waste_records.repeated(query, keys), *waste_records.missed(query, keys)):
        parts[place].append(found)
    sums = [waste_totals(each) for each in parts.values()]
    columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in sums] for name in WASTE_SUMS}
    columns |= {name: [0] * len(sums) for name in SPENT_SUMS}
    places = {"hours": [place[0] for place in parts], "cells": [place[1] for place in parts]}
    return {"start": fold.start, "end": fold.end, **places, **columns, **recount.parameters()}


def rows(fold: WasteFold) -> str:
    """SQL for the rows of a fold: KEYS, then KEPT. A day has those of its hours besides."""
    parts = [
        _together("base", HOUR_SLICES, KEPT),
        _together("everyone", [one for one in HOUR_SLICES if _is_of_everyone(one)], KEPT),
        _together("failures", [HOUR_ERRORS], ()),
    ]
    if not fold.is_hour:
        parts += [_apart("day", one) for one in SLICES]
        parts += [_apart("everyones_day", one) for one in SLICES if _is_of_everyone(one)]
        parts += [_together("failures", [ERRORS], (), bucket="%(start)s::timestamptz")]
    return f"{_BASE} {' UNION ALL '.join(parts)}"


def slice_numbers(fold: WasteFold) -> list[int]:
    """The numbers of the slices a fold has rows of."""
    hours = [*(one.number for one in HOUR_SLICES), HOUR_ERRORS.number]
    return hours if fold.is_hour else [*(one.number for one in SLICES), ERRORS.number, *hours]


def _is_of_everyone(one: Slice) -> bool:
    return "agent_id" not in one.dimensions


def _together(table: str, slices: Sequence[Slice], names: Sequence[str], *, bucket: str = "m.hour") -> str:
    """The rows of a table by slices in one grouping: planned at once, and good for few rows."""
    each = ", ".join(f"({one.number}, {_column(one, 0)}, {_column(one, 1)})" for one in slices)
    sums = [total(f"m.{name}", name) if name in names else _failures(name) for name in KEPT]
    return f"""
        SELECT s.number, {bucket}, m.project_id, s.a, s.b, {", ".join(sums)}
        FROM {table} m CROSS JOIN LATERAL (VALUES {each}) s(number, a, b) GROUP BY 1, 2, 3, 4, 5
    """  # noqa: S608


def _apart(table: str, one: Slice) -> str:
    """The rows of a table by one slice: many rows are added up faster so."""
    sums = ", ".join(total(f"m.{name}", name) for name in KEPT)
    return f"""
        SELECT {one.number}, %(start)s::timestamptz, m.project_id, {_column(one, 0)}, {_column(one, 1)}, {sums}
        FROM {table} m GROUP BY 3, 4, 5
    """  # noqa: S608


def _failures(name: str) -> str:
    return "bursar_total(m.calls)" if name == "failed_calls" else "0"


def _column(one: Slice, place: int) -> str:
    return f"m.{one.dimensions[place]}::int" if place < len(one.dimensions) else "0"


_WASTED = f"c.status IN ({int(Status.ERROR)}, {int(Status.CANCELLED)})"
_FAILED = {
    "observed_calls": "q.observed_calls",
    "failed_calls": f"CASE WHEN {_WASTED} THEN q.calls ELSE 0 END",
    "failed_usd": f"CASE WHEN {_WASTED} THEN q.cost_usd ELSE 0 END",
    **{name: f"q.{name}" for name in SPENT_SUMS},
}
_IS_REAL = "project_id <> ALL(ARRAY(SELECT id FROM access_project WHERE is_demo))"
_TYPES = {name: "numeric" if name.endswith("_usd") else "bigint" for name in KEPT}
_NAMED = ", ".join(f"{total(f'm.{name}', name)} AS {name}" for name in KEPT)
_CELL = ", ".join(f"m.{name}" for name in CELL)
_ANYONES = ", ".join(f"m.{name}" for name in CELL if name != "agent_id")
_BASE = f"""
    WITH told AS (
        SELECT date_bin('1 hour', q.bucket, %(start)s) AS hour, q.cell_id,
            {", ".join(f"{_FAILED.get(name, '0')}::{kind} AS {name}" for name, kind in _TYPES.items())}
        FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id
        WHERE q.bucket >= %(start)s AND q.bucket < %(end)s
        UNION ALL
        SELECT * FROM unnest(%(hours)s::timestamptz[], %(cells)s::int[],
            {", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())})
    ), by_cell AS (SELECT m.hour, m.cell_id, {_NAMED} FROM told m GROUP BY 1, 2
    ), base AS MATERIALIZED (
        SELECT m.hour, c.project_id, {", ".join(f"c.{name}" for name in CELL)},
            {", ".join(f"m.{name}" for name in KEPT)}
        FROM by_cell m JOIN costs_cell c ON c.id = m.cell_id
    ), everyone AS MATERIALIZED (
        SELECT m.hour, {EVERY} AS project_id, {_ANYONES}, {_NAMED}
        FROM base m WHERE {_IS_REAL} GROUP BY m.hour, {_ANYONES}
    ), day AS MATERIALIZED (
        SELECT m.project_id, {_CELL}, {_NAMED} FROM base m GROUP BY m.project_id, {_CELL}
    ), everyones_day AS MATERIALIZED (
        SELECT m.project_id, {_ANYONES}, {_NAMED} FROM everyone m GROUP BY m.project_id, {_ANYONES}
    ), own_failures AS MATERIALIZED (
        SELECT date_bin('1 hour', r.occurred_at, %(start)s) AS hour, c.project_id, r.error_type_id,
            bursar_total({recount.MEASURES["error_calls"]}) AS calls
        FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
        WHERE r.occurred_at >= %(start)s AND r.occurred_at < %(end)s AND c.status = {int(Status.ERROR)}
        GROUP BY 1, 2, 3
    ), failures AS MATERIALIZED (
        SELECT * FROM own_failures UNION ALL
        SELECT hour, {EVERY}, error_type_id, bursar_total(calls) FROM own_failures WHERE {_IS_REAL} GROUP BY 1, 3
    )
"""  # noqa: S608
