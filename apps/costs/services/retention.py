"""Retention: whole months of records and rollups go, without holding up ingest, and a report stays.

1. BooksState says first since when records and rollups will be complete, so that nothing is compared or repaired
   with what is about to be dropped.
2. Each month is detached CONCURRENTLY, which waits for open transactions but lets new ones in, and then dropped. A
   removal that was broken off half-way is finished by the next run: a pending detach is finalized, a detached table
   is dropped.
3. What is not partitioned (slices of folded days, conversations not heard of for so long, what re-rating kept of
   records of that time) goes in bounded batches.

The keys of ids stay for ever: an id that was counted once is never counted again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from apps.costs.domain.coarse import hour_of
from apps.costs.models import BooksState, DayFold, ProvenHour, RetentionRun, RollupDifference
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.partitions import Partition, partitions_of
from apps.costs.services.locks import repair_alone
from apps.costs.services.partitions import forget_known

RECORD_TABLES = ("costs_usagerecord",)
ROLLUP_TABLES = ("costs_usagequarter", "costs_usagequarterby", "costs_usageday")
BATCH = 5_000
MAX_BATCHES = 200
PATIENCE_SECONDS = 120


_NOT_HEARD_OF = f"last_at < %(before)s AND last_hour <= {hour_of('%(before)s')}"
"""Conversations; the second follows from the first, but only it can use an index."""
_RESTING = "first_at IS NOT NULL AND last_at < %(before)s"
_OF_NO_TASK = """received_at < %(before)s AND settled_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM costs_tasktotal t WHERE t.project_id = costs_outcome.project_id AND t.task_id = costs_outcome.task_id
)"""


@dataclass(slots=True)
class Report:
    """What one run dropped, or would drop."""

    records_before: datetime
    rollups_before: datetime
    dropped: list[Partition] = field(default_factory=list)
    conversations: int = 0
    slices: int = 0
    tasks: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        size = sum(one.size for one in self.dropped) / 1e6
        rows = sum(one.rows for one in self.dropped)
        done = f"{len(self.dropped)} partitions dropped, about {rows:,} rows, {size:,.1f} MB"
        more = (
            f"; {self.conversations:,} conversations, {self.tasks:,} tasks, {self.slices:,} rows of day slices"
            if self.conversations or self.tasks or self.slices
            else ""
        )
        return done + more + "".join(f"; {error}" for error in self.errors)


def enforce(*, now: datetime, dry_run: bool = False) -> Report:
    """Drop what is older than the settings allow, and keep the report. Needs autocommit; safe to run twice.

    A partition that cannot be dropped now is named in the report, and tried again by the next run. Raises RuntimeError
    inside a transaction.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Partitions cannot be detached concurrently inside a transaction.")
    started = timezone.now()
    report = Report(_cutoff(now, settings.RETENTION_RECORD_DAYS), _cutoff(now, settings.RETENTION_ROLLUP_DAYS))
    records = _expired(RECORD_TABLES, report.records_before)
    rollups = _expired(ROLLUP_TABLES, report.rollups_before)
    if dry_run:
        report.dropped = records + rollups
        report.conversations = _count_conversations(report.rollups_before)
        return report
    _announce("records_from", records)
    _announce("rollups_from", rollups)
    for partition in (*records, *rollups):
        _drop(partition, report)
    forget_known()
    _clear_folds(report)
    report.conversations = _delete_in_batches("costs_conversationtotal", _NOT_HEARD_OF, report.rollups_before)
    report.tasks = _delete_in_batches("costs_tasktotal", _RESTING, report.rollups_before)
    _delete_in_batches("costs_outcome", _OF_NO_TASK, report.rollups_before)
    RollupDifference.objects.filter(found_at__lt=report.rollups_before).delete()
    if rollups:
        _delete_in_batches("costs_rerateline", "occurred_at < %(before)s", report.rollups_before)
    if report.dropped or report.errors or report.conversations:
        _keep(report, started)
    return report


def _cutoff(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _expired(tables: Sequence[str], before: datetime) -> list[Partition]:
    """Months that lie wholly before the moment."""
    return [one for table in tables for one in partitions_of(table) if one.ends <= before]


def _announce(column: str, going: Sequence[Partition]) -> None:
    """Committed before anything is dropped: from now on nobody compares what lies before."""
    if not going:
        return
    with background_transaction() as cursor:
        # A repair that has begun with these months ends first.
        repair_alone(cursor)
        BooksState.objects.get_or_create(id=1)
        cursor.execute(
            f"UPDATE costs_booksstate SET {column} = greatest({column}, %s)", [max(one.ends for one in going)]
        )


def _drop(partition: Partition, report: Report) -> None:
    steps = {
        "attached": [f"ALTER TABLE {partition.table} DETACH PARTITION {partition.name} CONCURRENTLY"],
        "detaching": [f"ALTER TABLE {partition.table} DETACH PARTITION {partition.name} FINALIZE"],
        "detached": [],
    }
    try:
        with _patience() as execute:
            for statement in (*steps[partition.state], f"DROP TABLE IF EXISTS {partition.name}"):
                execute(statement)
    except Error as error:
        reason = str(error).strip().splitlines()[0]
        report.errors.append(f"{partition.name} is left for the next run: {reason}")
    else:
        report.dropped.append(partition)


@contextmanager
def _patience() -> Iterator[Callable[[str], None]]:
    """Runs statements outside a transaction that may wait for open transactions as long as PATIENCE_SECONDS."""
    names = ("statement_timeout", "lock_timeout")
    with connection.cursor() as cursor:
        try:
            for name in names:
                cursor.execute(f"SET {name} = '{PATIENCE_SECONDS}s'")
            yield cursor.execute
        finally:
            for name in names:
                cursor.execute(f"RESET {name}")


def _clear_folds(report: Report) -> None:
    """Folds, slices and proofs of what is gone go with it."""
    state = BooksState.objects.filter(id=1).first()
    if state and state.rollups_from:
        DayFold.objects.filter(bucket__lt=state.rollups_from).delete()
        report.slices = _delete_in_batches("costs_dayslice", "bucket < %(before)s", state.rollups_from)
        report.slices += _delete_in_batches("costs_wasteslice", "bucket < %(before)s", state.rollups_from)
    gone = (
        max((moment for moment in (state.records_from, state.rollups_from) if moment), default=None) if state else None
    )
    if gone:
        ProvenHour.objects.filter(bucket__lt=gone).delete()


def _delete_in_batches(table: str, condition: str, before: datetime) -> int:
    """Delete rows in short transactions; the next run goes on where MAX_BATCHES end."""
    deleted = 0
    for _ in range(MAX_BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
                f"SELECT ctid FROM {table} WHERE {condition} LIMIT {BATCH}))",
                {"before": before},
            )
            deleted += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return deleted


def _count_conversations(before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM costs_conversationtotal WHERE {_NOT_HEARD_OF}", {"before": before})
        return int(cursor.fetchone()[0])


def _keep(report: Report, started: datetime) -> None:
    RetentionRun.objects.create(
        started_at=started,
        ended_at=timezone.now(),
        records_before=report.records_before,
        rollups_before=report.rollups_before,
        dropped=[_as_json(one) for one in report.dropped],
        conversations=report.conversations,
        folded_rows=report.slices,
        error="; ".join(report.errors),
    )


def _as_json(one: Partition) -> dict[str, Any]:
    return {"table": one.table, "partition": one.name, "rows": one.rows, "bytes": one.size}
