"""What changed records add to the rollups: the cube, the narrow rollups, conversations, tasks, and folded days.

An hour whose quarters have become one row gets its differences there; all others in the quarter-hour, as a late record
does. A folded day or hour gets them in its own rows; should one of those be missing, it is folded anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.backends.utils import CursorWrapper

from apps.costs.domain.kinds import LabelKind, NarrowKind
from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS
from apps.costs.domain.pricing import usd_text
from apps.costs.domain.rerating import Shift
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
from apps.costs.selectors.horizon import EPOCH, HOUR, QUARTER
from apps.costs.services.hours import ANNOUNCED_SECONDS
from apps.costs.services.locks import reopen_together
from apps.costs.services.waste_folding import take_back_waste

if TYPE_CHECKING:
    from apps.costs.services.rerating.changing import Moved

Keyed = Mapping[tuple[Any, ...], Shift]
_SHIFTED = ("unpriced_calls", "cost_usd", "avoided_usd")


def add(cursor: CursorWrapper, moved: Sequence[Moved]) -> None:
    """Add what the records moved to every rollup, in the order in which ingest takes the rows."""
    hours_until = _merged_until(cursor)
    cube: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    narrow: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    conversations: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    tasks: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    labels = _tag_labels(cursor, moved)
    for one in moved:
        change, bucket = one.shift, _bucket(one.move.occurred_at, hours_until)
        cube[one.cell_id, bucket] += change
        for kind, value in _narrow_keys(one, labels):
            narrow[kind, value, bucket, one.move.project_id, one.model_id] += change
        if one.conversation_id:
            conversations[one.move.project_id, one.conversation_id] += change
        if one.task_id:
            tasks[one.move.project_id, one.task_id] += change
    _add_rows(cursor, _ADD_CUBE, ("cell_id", "bucket"), cube)
    _add_rows(cursor, _ADD_NARROW, ("kind", "value_id", "bucket", "project_id", "model_id"), narrow)
    _add_rows(cursor, _LOCK_CONVERSATIONS, ("project_id", "conversation_id"), conversations)
    _add_rows(cursor, _ADD_CONVERSATIONS, ("project_id", "conversation_id"), conversations)
    _add_rows(cursor, _LOCK_TASKS, ("project_id", "task_id"), tasks)
    _add_rows(cursor, _ADD_TASKS, ("project_id", "task_id"), tasks)
    _add_to_folds(cursor, moved, labels)


def _merged_until(cursor: CursorWrapper) -> datetime | None:
    """Until when every reader knows that rollups may be stored by the hour."""
    cursor.execute(
        "SELECT hours_until FROM costs_booksstate WHERE hours_until_set_at <= now() - make_interval(secs => %s)",
        [ANNOUNCED_SECONDS],
    )
    row = cursor.fetchone()
    return row[0] if row else None


def _bucket(moment: datetime, hours_until: datetime | None) -> datetime:
    step: timedelta = HOUR if hours_until is not None and moment < hours_until else QUARTER
    return moment - (moment - EPOCH) % step


def _narrow_keys(one: Moved, labels: Mapping[str, int]) -> list[tuple[int, int]]:
    keys = [(NarrowKind.USER, one.user_id), (NarrowKind.KEY, one.key_id), (NarrowKind.TOOL, one.tool_id)]
    keys += [(NarrowKind.TAG, labels.get(f"{name}={value}", 0)) for name, value in one.tags.items()]
    return [(int(kind), value) for kind, value in keys if value or (kind is NarrowKind.KEY and value is not None)]


def _tag_labels(cursor: CursorWrapper, moved: Sequence[Moved]) -> dict[str, int]:
    texts = {f"{name}={value}" for one in moved for name, value in one.tags.items()}
    if not texts:
        return {}
    cursor.execute("SELECT name, id FROM costs_label WHERE kind = %s AND name = ANY(%s)", [LabelKind.TAG, list(texts)])
    return dict(cursor.fetchall())


def _add_rows(cursor: CursorWrapper, statement: str, keys: Sequence[str], rows: Keyed) -> None:
    """Run a statement over the keys and shifts that are not nothing, in the order of their keys."""
    ordered = sorted((key, rows[key]) for key in rows if rows[key])
    if not ordered:
        return
    columns = zip(*(key for key, _ in ordered), strict=True)
    parameters: dict[str, Any] = {name: list(column) for name, column in zip(keys, columns, strict=True)}
    cursor.execute(statement, parameters | _shifts([change for _, change in ordered]))


def _shifts(changes: Sequence[Shift]) -> dict[str, Any]:
    return {
        "unpriced_calls": [change.unpriced_calls for change in changes],
        "cost_usd": [usd_text(change.cost) for change in changes],
        "avoided_usd": [usd_text(change.avoided) for change in changes],
    }


def _wanted(keys: Mapping[str, str]) -> str:
    """The parameters as rows `d`."""
    declared = ", ".join(f"%({name})s::{kind}[]" for name, kind in keys.items())
    moved = "%(unpriced_calls)s::bigint[], %(cost_usd)s::numeric[], %(avoided_usd)s::numeric[]"
    return f"unnest({declared}, {moved}) AS d({', '.join((*keys, *_SHIFTED))})"


def _values(names: Sequence[str]) -> str:
    return ", ".join(f"d.{name}" if name in _SHIFTED else "0" for name in names)


def _plus(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{name} = {alias}.{name} + excluded.{name}" for name in names)


_CUBE = {"cell_id": "int", "bucket": "timestamptz"}
_NARROW = {"kind": "int", "value_id": "bigint", "bucket": "timestamptz", "project_id": "int", "model_id": "int"}
_CONVERSATION = {"project_id": "int", "conversation_id": "text"}
_BINS = ", ".join("'{}'" for _ in HISTOGRAMS)
_ADD_CUBE = f"""
    INSERT INTO costs_usagequarter AS q ({", ".join((*_CUBE, "last_received_at", *SUMS, *HISTOGRAMS))})
    SELECT d.cell_id, d.bucket, 'epoch', {_values(SUMS)}, {_BINS} FROM {_wanted(_CUBE)}
    ON CONFLICT (cell_id, bucket) DO UPDATE SET {_plus("q", _SHIFTED)}
"""  # noqa: S608
_ADD_NARROW = f"""
    INSERT INTO costs_usagequarterby AS n ({", ".join((*_NARROW, *NARROW_SUMS))})
    SELECT {", ".join(f"d.{name}" for name in _NARROW)}, {_values(NARROW_SUMS)} FROM {_wanted(_NARROW)}
    ON CONFLICT ({", ".join(_NARROW)}) DO UPDATE SET {_plus("n", _SHIFTED[:2])}
"""  # noqa: S608
_OF_CONVERSATION = "c.project_id = d.project_id AND c.conversation_id = d.conversation_id"
# A conversation without a total is left to the proof, which adds it up from the records as they are then.
_LOCK_CONVERSATIONS = f"""
    SELECT 1 FROM {_wanted(_CONVERSATION)} JOIN costs_conversationtotal c ON {_OF_CONVERSATION}
    ORDER BY c.project_id, c.conversation_id COLLATE "C" FOR UPDATE OF c
"""  # noqa: S608
_ADD_CONVERSATIONS = f"""
    UPDATE costs_conversationtotal c SET unpriced_calls = c.unpriced_calls + d.unpriced_calls,
        cost_usd = c.cost_usd + d.cost_usd
    FROM {_wanted(_CONVERSATION)} WHERE {_OF_CONVERSATION}
"""  # noqa: S608
_TASK = {"project_id": "int", "task_id": "text"}
_OF_TASK = "t.project_id = d.project_id AND t.task_id = d.task_id"
_LOCK_TASKS = f"""
    SELECT 1 FROM {_wanted(_TASK)} JOIN costs_tasktotal t ON {_OF_TASK}
    ORDER BY t.project_id, t.task_id COLLATE "C" FOR UPDATE OF t
"""  # noqa: S608
_ADD_TASKS = f"""
    UPDATE costs_tasktotal t SET unpriced_calls = t.unpriced_calls + d.unpriced_calls,
        cost_usd = t.cost_usd + d.cost_usd
    FROM {_wanted(_TASK)} WHERE {_OF_TASK}
"""  # noqa: S608


def _add_to_folds(cursor: CursorWrapper, moved: Sequence[Moved], labels: Mapping[str, int]) -> None:
    """No fold is made or taken back while the caller's lock is held, save by a late record: then it is not read."""
    moments = [one.move.occurred_at for one in moved]
    cursor.execute(
        "SELECT zone, bucket, ends_at FROM costs_dayfold WHERE bucket <= %s AND ends_at > %s",
        [max(moments), min(moments)],
    )
    folds: list[tuple[str, datetime, datetime]] = cursor.fetchall()
    take_back_waste(cursor, moments)
    days: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    hours_of_days: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    hours: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    narrow: defaultdict[tuple[Any, ...], Shift] = defaultdict(Shift)
    for zone, start, end in folds:
        for one in (one for one in moved if start <= one.move.occurred_at < end):
            (hours if zone == HOURS else days)[one.cell_id, start] += one.shift
            if zone != HOURS:
                hour = one.move.occurred_at - (one.move.occurred_at - start) % HOUR
                hours_of_days[one.cell_id, hour] += one.shift
                for kind, value in _narrow_keys(one, labels):
                    if kind in NARROW_SLICES:
                        project = one.move.project_id
                        narrow[NARROW_SLICES[NarrowKind(kind)], start, project, value, one.model_id] += one.shift
                        narrow[NARROW_ALONE[NarrowKind(kind)], start, project, value, 0] += one.shift
    by_cell = ("cell_id", "bucket")
    changes = (
        (_ADD_DAYS, by_cell, days),
        (_ADD_SLICES, by_cell, days),
        (_ADD_NARROW_SLICES, tuple(_NARROW_SLICE), narrow),
        (_ADD_HOUR_TOTALS, by_cell, hours_of_days),
        (_ADD_HOURS, by_cell, hours),
    )
    for statement, keys, rows in changes:
        if any(rows.values()):
            _add_rows(cursor, statement, keys, rows)
            if cursor.fetchone()[0]:
                _reopen(cursor, folds)


def _reopen(cursor: CursorWrapper, folds: Sequence[tuple[str, datetime, datetime]]) -> None:
    reopen_together(cursor)
    cursor.execute("DELETE FROM costs_dayfold WHERE bucket = ANY(%s)", [[start for _, start, _ in folds]])


def _of_slice(one: Slice, project: str = "c.project_id", only: str = "") -> str:
    a, b = (*(f"c.{name}" for name in one.dimensions), "0", "0")[:2]
    sums = ", ".join(f"sum(w.{name}) AS {name}" for name in _SHIFTED)
    return (
        f"SELECT {one.number} AS slice, w.bucket, {project} AS project_id, {a}::int AS a_id, {b}::int AS b_id, {sums}"
        f" FROM wanted w JOIN costs_cell c ON c.id = w.cell_id{only} GROUP BY 1, 2, 3, 4, 5"
    )


_IF_REAL = " JOIN access_project p ON p.id = c.project_id AND NOT p.is_demo"


def _add_to(
    table: str,
    keys: Sequence[str],
    rows: str,
    *,
    given: Mapping[str, str] = _CUBE,
    measures: Sequence[str] = _SHIFTED,
) -> str:
    """SQL that adds rows to those of the same keys, and says how many of them are missing."""
    same = " AND ".join(f"u.{name} = d.{name}" for name in keys)
    return f"""
        WITH wanted AS MATERIALIZED (SELECT * FROM {_wanted(given)}), d AS MATERIALIZED ({rows}),
        added AS (
            UPDATE {table} u SET {", ".join(f"{name} = u.{name} + d.{name}" for name in measures)}
            FROM d WHERE {same} RETURNING 1
        )
        SELECT (SELECT count(*) FROM d) - (SELECT count(*) FROM added)"""  # noqa: S608


_ADD_DAYS = _add_to("costs_usageday", ("cell_id", "bucket"), "SELECT * FROM wanted")


def _add_to_slices(slices: Sequence[Slice]) -> str:
    keys = ("slice", "bucket", "project_id", "a_id", "b_id")
    every = [_of_slice(one, str(EVERY), _IF_REAL) for one in slices if one in EVERY_SLICES]
    return _add_to("costs_dayslice", keys, " UNION ALL ".join([*map(_of_slice, slices), *every]))


_NARROW_SLICE = {"slice": "int", "bucket": "timestamptz", "project_id": "int", "a_id": "int", "b_id": "int"}
_ADD_NARROW_SLICES = _add_to(
    "costs_dayslice", tuple(_NARROW_SLICE), "SELECT * FROM wanted", given=_NARROW_SLICE, measures=_SHIFTED[:2]
)
_ADD_SLICES = _add_to_slices(SLICES)
_ADD_HOUR_TOTALS = _add_to_slices([HOUR_TOTALS])
_ADD_HOURS = _add_to_slices(HOUR_SLICES)
