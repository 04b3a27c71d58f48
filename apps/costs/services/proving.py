"""Rollups are proven to equal their records, and repaired where they do not: the difference is added, never a value.

Why a repair is exact while ingest goes on. Ingest writes records and rollups in one transaction, so for every rollup
row the difference D = (sum over its records) - (the row) is the same before and after any ingest commits, whichever
snapshot looks. The repair reads D and adds it in one statement, `INSERT … SELECT D … ON CONFLICT DO UPDATE SET
x = row.x + D`. If ingest changes the row between the statement's snapshot and the row's lock, PostgreSQL applies the
update to the newest version of the row: to the newer sum, D is added. Nothing else may change D meanwhile:

- another repair would add D twice: repairs exclude each other (`repair_alone`, taken before the statement's snapshot);
- folding moves rows between buckets: it takes `repair_alone` as well;
- a folded day would hide the repaired quarter: the repair deletes the day's DayFold row, under the same lock as a late
  record does, and the day is folded again.

Rows are taken in the order of their keys, as ingest does, and each table has a transaction of its own, so that the two
never wait for each other in a circle. The span of a conversation (first_at, last_at) is no sum: it is set, in a second
statement, once the first has locked the row; until the commit no ingest moves it, and one that waits widens it then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.backends.utils import CursorWrapper

from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS
from apps.costs.models import RollupDifference
from apps.costs.selectors.horizon import HOUR, horizon
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.proof import exact
from apps.costs.selectors.proof.conversations import Key, conversation_differences, parameters_of
from apps.costs.selectors.proof.differences import Difference, Span, cube_differences, narrow_differences, spans
from apps.costs.selectors.proof.folds import Fold
from apps.costs.services.hours import merge_hour
from apps.costs.services.locks import fold_alone, reopen_together, repair_alone


def repair(start: datetime, end: datetime, *, now: datetime) -> list[Difference]:
    """Add to the rollups of [start, end) what they lack, and keep what was found. Run it on a few hours at a time.

    Raises OperationalError when a lock is not free within two seconds.
    """
    return [one for table in (_CUBE, _NARROW) for one in _repair_table(table, start, end, now)]


@dataclass(frozen=True, slots=True)
class _Table:
    """A rollup by time: how its differences are named, added, and what removes the rows that then hold nothing."""

    differences: Callable[[Span], list[Difference]]
    add: str
    drop_empty: str


def _repair_table(table: _Table, start: datetime, end: datetime, now: datetime) -> list[Difference]:
    with background_transaction() as cursor:
        repair_alone(cursor)
        pieces = spans(start, end, horizon())
        hours = [span for span in pieces if span.step == HOUR]
        if hours:
            # A correction of an hour needs one row to go to; the hour's late quarters are other rows of it.
            fold_alone(cursor)
            _merge(cursor, hours)
        else:
            reopen_together(cursor)
        found = [one for span in pieces for one in table.differences(span)]
        if found:
            _reopen(cursor, start, end)
            for span in pieces:
                cursor.execute(table.add, span.parameters)
                cursor.execute(table.drop_empty, span.parameters)
            keep(found, now=now, repaired_at=now)
    return found


def repair_conversations(keys: Sequence[Key], *, now: datetime) -> list[Difference]:
    """Add to these conversations' totals what they lack, and keep what was found."""
    if not keys:
        return []
    with background_transaction() as cursor:
        repair_alone(cursor)
        found = conversation_differences(keys)
        if found:
            parameters = parameters_of(keys)
            cursor.execute(_ADD_CONVERSATIONS, parameters)
            cursor.execute(_SET_SPANS, parameters)
            cursor.execute(_DROP_EMPTY_CONVERSATIONS, parameters)
            keep(found, now=now, repaired_at=now)
    return found


def reopen_fold(fold: Fold, found: Sequence[Difference], *, now: datetime) -> None:
    """A fold that does not equal its quarters is taken back; the day is folded again."""
    with background_transaction() as cursor:
        repair_alone(cursor)
        reopen_together(cursor)
        _reopen(cursor, *fold)
        keep(found, now=now, repaired_at=now)


def keep(found: Sequence[Difference], *, now: datetime, repaired_at: datetime | None = None) -> None:
    """Keep differences for the Health page."""
    RollupDifference.objects.bulk_create(
        RollupDifference(
            found_at=now,
            table=one.table,
            bucket=one.bucket,
            key=one.key,
            column=one.column,
            was=one.was,
            is_now=one.is_now,
            repaired_at=repaired_at,
        )
        for one in found
    )


def _merge(cursor: CursorWrapper, pieces: Sequence[Span]) -> None:
    for span in pieces:
        for number in range((span.end - span.start) // HOUR):
            merge_hour(cursor, span.start + HOUR * number)


def _reopen(cursor: CursorWrapper, start: datetime, end: datetime) -> None:
    cursor.execute("DELETE FROM costs_dayfold WHERE bucket < %s AND ends_at > %s", [end, start])


def _plus(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{name} = {alias}.{name} + excluded.{name}" for name in names)


def _nothing(alias: str, names: Sequence[str]) -> str:
    return " AND ".join(f"{alias}.{name} = 0" for name in names)


_IN_SPAN = "bucket >= %(start)s AND bucket < %(end)s"
_ADD_CUBE = f"""
    INSERT INTO costs_usagequarter AS q (cell_id, bucket, last_received_at, {", ".join((*SUMS, *HISTOGRAMS))})
    SELECT cell_id, bucket, coalesce(received_at, 'epoch'), {", ".join((*SUMS, *HISTOGRAMS))}
    FROM ({exact.cube()}) d ORDER BY cell_id, bucket
    ON CONFLICT (cell_id, bucket) DO UPDATE SET {_plus("q", SUMS)},
        last_received_at = greatest(q.last_received_at, excluded.last_received_at),
        latency_bins = bursar_adjusted_bins(q.latency_bins, excluded.latency_bins),
        first_token_bins = bursar_adjusted_bins(q.first_token_bins, excluded.first_token_bins)
"""  # noqa: S608
_ADD_NARROW = f"""
    INSERT INTO costs_usagequarterby AS n ({", ".join((*exact.NARROW_KEYS, *NARROW_SUMS))})
    SELECT {", ".join((*exact.NARROW_KEYS, *NARROW_SUMS))} FROM ({exact.narrow()}) d
    ORDER BY {", ".join(exact.NARROW_KEYS)}
    ON CONFLICT ({", ".join(exact.NARROW_KEYS)}) DO UPDATE SET {_plus("n", NARROW_SUMS)}
"""  # noqa: S608
# Rows that hold nothing any more: they were locked by the statement before.
_DROP_EMPTY_CUBE = f"DELETE FROM costs_usagequarter q WHERE {_IN_SPAN} AND {_nothing('q', SUMS)}"  # noqa: S608
_DROP_EMPTY_NARROW = f"DELETE FROM costs_usagequarterby n WHERE {_IN_SPAN} AND {_nothing('n', NARROW_SUMS)}"  # noqa: S608
_CUBE = _Table(cube_differences, _ADD_CUBE, _DROP_EMPTY_CUBE)
_NARROW = _Table(narrow_differences, _ADD_NARROW, _DROP_EMPTY_NARROW)

_CONVERSATION_KEYS = ", ".join(exact.CONVERSATION_KEYS)
_WANTED = f"unnest(%(projects)s::int[], %(ids)s::text[]) AS w({_CONVERSATION_KEYS})"
_ADD_CONVERSATIONS = f"""
    INSERT INTO costs_conversationtotal AS c
        ({_CONVERSATION_KEYS}, agent_id, first_at, last_at, {", ".join(NARROW_SUMS)})
    SELECT {_CONVERSATION_KEYS}, coalesce(agent_id, 0), coalesce(first_at, 'infinity'), coalesce(last_at, '-infinity'),
        {", ".join(NARROW_SUMS)}
    FROM ({exact.conversations()}) d ORDER BY {_CONVERSATION_KEYS}
    ON CONFLICT ({_CONVERSATION_KEYS}) DO UPDATE SET {_plus("c", NARROW_SUMS)}
"""  # noqa: S608
_SET_SPANS = f"""
    UPDATE costs_conversationtotal c SET first_at = r.first_at, last_at = r.last_at
    FROM (
        SELECT {_CONVERSATION_KEYS}, min(occurred_at) AS first_at, max(occurred_at) AS last_at
        FROM costs_usagerecord JOIN {_WANTED} USING ({_CONVERSATION_KEYS})
        WHERE conversation_id = ANY(%(ids)s) GROUP BY {_CONVERSATION_KEYS}
    ) r
    WHERE c.project_id = r.project_id AND c.conversation_id = r.conversation_id
        AND (c.first_at, c.last_at) <> (r.first_at, r.last_at) AND c.first_at >= {exact.PROVABLE_FROM}
"""  # noqa: S608
_DROP_EMPTY_CONVERSATIONS = f"""
    DELETE FROM costs_conversationtotal c USING {_WANTED}
    WHERE c.project_id = w.project_id AND c.conversation_id = w.conversation_id AND {_nothing("c", NARROW_SUMS)}
"""  # noqa: S608
