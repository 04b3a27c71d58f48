"""Folds against the quarters they sum: the cube by day, and its slices; first by fingerprint, then exactly.

Hours have few rows: their slices, and the sums by hour of a folded day, are compared exactly at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DataError, connection, transaction

from apps.costs.domain.kinds import NarrowKind
from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS
from apps.costs.domain.slices import (
    EVERY,
    EVERY_SLICES,
    HOUR_SLICES,
    HOUR_TOTALS,
    HOURS,
    NARROW_ALONE,
    NARROW_SLICES,
    SLICES,
    Slice,
)
from apps.costs.selectors.metrics.snapshot import one_snapshot
from apps.costs.selectors.pace import unhurried
from apps.costs.selectors.proof.differences import Difference, Row, rows
from apps.costs.selectors.proof.weights import INTEGERS, MOD, PRIME, Weights
from apps.costs.selectors.proof.words import cell_words
from apps.costs.selectors.summing import MEASURES, summed, totals

Fold = tuple[datetime, datetime]


def fold_differences(fold: Fold) -> list[Difference]:
    """Every difference of a folded day or hour [begins, ends), in one snapshot; none when it is no longer folded."""
    with one_snapshot(), connection.cursor() as cursor:
        unhurried(cursor)
        cursor.execute("SELECT zone FROM costs_dayfold WHERE bucket = %s AND ends_at = %s", [*fold])
        found = cursor.fetchone()
        if not found:
            return []
        if found[0] == HOURS:
            return _slice_differences(fold, HOUR_SLICES)
        beside = _hour_differences(fold) + _narrow_differences(fold)
        return beside if _adds_up(fold) else beside + _cube_differences(fold) + _slice_differences(fold, SLICES)


def _adds_up(fold: Fold) -> bool:
    weights = Weights.drawn()
    try:
        with transaction.atomic():
            cube = [_print(_weighed(weights, table, weights.of_cell("u.cell_id")), fold) for table in _CUBES]
            of_cube = _weighed(weights, _CUBES[1], _all_slices_weight(weights))
            slices = [_print(sql, fold) for sql in (of_cube, _slices(weights))]
    except DataError:
        return False
    return cube[0] == cube[1] and slices[0] == slices[1]


def _print(sql: str, fold: Fold) -> tuple[int, Decimal, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"start": fold[0], "end": fold[1]})
        number, cost, avoided = cursor.fetchone()
    return int(number or 0) % PRIME, cost or Decimal(0), avoided or Decimal(0)


_CUBES = (
    "costs_usagequarter u WHERE u.bucket >= %(start)s AND u.bucket < %(end)s",
    "costs_usageday u JOIN costs_cell c ON c.id = u.cell_id WHERE u.bucket = %(start)s",
)


def _all_slices_weight(weights: Weights) -> str:
    """The weights of all slice rows that a row of the cube counts in, together."""
    own = ((str(one.number), "c.project_id", *_columns(one, "c.")) for one in SLICES)
    every = ((str(one.number), str(EVERY), *_columns(one, "c.")) for one in EVERY_SLICES)
    own_weights, every_weights = (" + ".join(weights.of_slice(*key) for key in keys) for keys in (own, every))
    return f"{own_weights} + CASE WHEN {_IS_REAL} THEN {every_weights} ELSE 0 END"


_IS_REAL = "c.project_id <> ALL(ARRAY(SELECT id FROM access_project WHERE is_demo))"


def _columns(one: Slice, prefix: str = "") -> tuple[str, str]:
    a, b = (*(f"{prefix}{name}" for name in one.dimensions), "0", "0")[:2]
    return a, b


def _weighed(weights: Weights, source: str, weight: str) -> str:
    return f"""
        SELECT sum(numbers {MOD} * (weight {MOD}) {MOD}), sum(cost_usd * weight), sum(avoided_usd * weight)
        FROM (SELECT {weights.combined(INTEGERS, "u.{}".format)} + {weights.of_row_bins("u")} AS numbers,
            {weight} AS weight, nullif(u.cost_usd, 0) AS cost_usd, nullif(u.avoided_usd, 0) AS avoided_usd
            FROM {source} OFFSET 0) u
    """  # noqa: S608


def _slices(weights: Weights) -> str:
    numbers = ", ".join(str(one.number) for one in SLICES)
    return _weighed(
        weights,
        f"costs_dayslice u WHERE u.slice IN ({numbers}) AND u.bucket = %(start)s",
        weights.of_slice("u.slice", "u.project_id", "u.a_id", "u.b_id"),
    )


def _cube_differences(fold: Fold) -> list[Difference]:
    quarters = _by_key(f"SELECT cell_id, {MEASURES} FROM {_CUBES[0]}", ("cell_id",), fold)
    days = _by_key(f"SELECT cell_id, {MEASURES} FROM costs_usageday u WHERE u.bucket = %(start)s", ("cell_id",), fold)
    found = [
        (key[0], change) for key in sorted({*quarters, *days}) for change in _changes(days.get(key), quarters.get(key))
    ]
    words = cell_words({cell for cell, _ in found})
    return [Difference("UsageDay", fold[0], words[cell], *change) for cell, change in found]


def _hour_differences(fold: Fold) -> list[Difference]:
    """The sums of each project by hour of a folded day against the quarters."""
    quarters = (
        f"SELECT date_bin('1 hour', u.bucket, %(start)s) AS bucket, c.project_id, {MEASURES}"
        " FROM costs_usagequarter u JOIN costs_cell c ON c.id = u.cell_id"
        " WHERE u.bucket >= %(start)s AND u.bucket < %(end)s"
    )
    kept = (
        f"SELECT bucket, project_id, {MEASURES} FROM costs_dayslice"
        f" WHERE slice = {HOUR_TOTALS.number} AND bucket >= %(start)s AND bucket < %(end)s"
    )
    keys = ("bucket", "project_id")
    right, stored = _by_key(quarters, keys, fold), _by_key(kept, keys, fold)
    return [
        Difference("DaySlice", key[0], _slice_words(HOUR_TOTALS, key[1:]), *each)
        for key in sorted({*right, *stored})
        for each in _changes(stored.get(key), right.get(key))
    ]


def _slice_differences(fold: Fold, slices: Sequence[Slice]) -> list[Difference]:
    """Each slice against the quarters themselves."""
    found = []
    for one in slices:
        quarters = _quarters_of(one, "c.project_id")
        if one in EVERY_SLICES:
            quarters += f" UNION ALL {_quarters_of(one, str(EVERY))} AND {_IS_REAL}"
        kept = (
            f"SELECT project_id, a_id, b_id, {MEASURES} FROM costs_dayslice"
            f" WHERE slice = {one.number} AND bucket = %(start)s"
        )
        keys = ("project_id", "a_id", "b_id")
        right, stored = _by_key(quarters, keys, fold), _by_key(kept, keys, fold)
        for key in sorted({*right, *stored}):
            words = _slice_words(one, key)
            found += [
                Difference("DaySlice", fold[0], words, *each) for each in _changes(stored.get(key), right.get(key))
            ]
    return found


def _quarters_of(one: Slice, project: str) -> str:
    a, b = _columns(one, "c.")
    return (
        f"SELECT {project} AS project_id, {a}::int AS a_id, {b}::int AS b_id, {MEASURES}"
        " FROM costs_usagequarter u JOIN costs_cell c ON c.id = u.cell_id"
        " WHERE u.bucket >= %(start)s AND u.bucket < %(end)s"
    )


def _narrow_differences(fold: Fold) -> list[Difference]:
    """The slices by user, tool and tag against the narrow rollup, compared in the database: they have many rows."""
    with connection.cursor() as cursor:
        cursor.execute(_NARROW, {"start": fold[0], "end": fold[1]})
        found = []
        for number, project, value, model, *sums in cursor.fetchall():
            words = f"slice {number}, project_id {project}, value_id {value}, model_id {model}"
            was, is_now = sums[: len(NARROW_SUMS)], sums[len(NARROW_SUMS) :]
            found += [
                Difference("DaySlice", fold[0], words, name, f"{Decimal(before):f}", f"{Decimal(now):f}")
                for name, before, now in zip(NARROW_SUMS, was, is_now, strict=True)
                if before != now
            ]
        return found


def _narrow_sums(alias: str) -> str:
    return ", ".join(f"coalesce({alias}.{name}, 0)" for name in NARROW_SUMS)


def _of_narrow(slices: Mapping[NarrowKind, int], model: str) -> str:
    return f"""
        SELECT u.kind + {slices[NarrowKind.USER] - NarrowKind.USER} AS slice, u.project_id, u.value_id::int AS a_id,
            {model} AS b_id, {totals(NARROW_SUMS)}
        FROM costs_usagequarterby u WHERE u.bucket >= %(start)s AND u.bucket < %(end)s
            AND u.kind IN ({", ".join(map(str, map(int, slices)))}) GROUP BY 1, 2, 3, 4"""  # noqa: S608


_NARROW = f"""
    SELECT slice, project_id, a_id, b_id, {_narrow_sums("kept")}, {_narrow_sums("quarters")}
    FROM (SELECT * FROM costs_dayslice
          WHERE slice IN ({", ".join(map(str, (*NARROW_SLICES.values(), *NARROW_ALONE.values())))})
              AND bucket = %(start)s) kept
    FULL JOIN (
        {_of_narrow(NARROW_SLICES, "u.model_id")} UNION ALL {_of_narrow(NARROW_ALONE, "0")}
    ) quarters USING (slice, project_id, a_id, b_id)
    WHERE ({_narrow_sums("kept")}) IS DISTINCT FROM ({_narrow_sums("quarters")}) ORDER BY 1, 2, 3, 4
"""  # noqa: S608


def _slice_words(one: Slice, key: tuple[Any, ...]) -> str:
    named = zip(("project_id", *one.dimensions), key, strict=False)
    return f"slice {one.number}, " + ", ".join(f"{name} {value}" for name, value in named)


def _by_key(source: str, keys: tuple[str, ...], fold: Fold) -> dict[tuple[Any, ...], Row]:
    sql = f"WITH kept AS ({source}) {summed('kept', ', '.join(keys))}"
    return {tuple(row[k] for k in keys): row for row in rows(sql, {"start": fold[0], "end": fold[1]})}


def _changes(was: Row | None, is_now: Row | None) -> list[tuple[str, str, str]]:
    pairs = [(name, (was or {}).get(name, 0), (is_now or {}).get(name, 0)) for name in SUMS]
    bins = [(name, (was or {}).get(name, []), (is_now or {}).get(name, [])) for name in HISTOGRAMS]
    return [(name, f"{before:f}", f"{now:f}") for name, before, now in pairs if before != now] + [
        (name, f"{len(before)} bins", f"{len(now)} other bins") for name, before, now in bins if before != now
    ]
