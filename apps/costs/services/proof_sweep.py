"""The continuous proof: closed hours newest first, then round and round over older ones, folds and conversations."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import OperationalError, connection

from apps.costs.domain.formats import some
from apps.costs.selectors import proof
from apps.costs.selectors.backlog import folds_to_prove, least_recently_proven, unproven_hours
from apps.costs.selectors.horizon import HOUR
from apps.costs.selectors.waste_backlog import waste_folds_to_prove
from apps.costs.services import proving, task_folding, waste_folding

logger = logging.getLogger(__name__)
FOLDS_PER_RUN = 20
CONVERSATIONS_AT_ONCE = 500


@dataclass(slots=True)
class ProofRun:
    """What one run proved and what it found."""

    hours: int = 0
    folds: int = 0
    conversations: int = 0
    left: int = 0
    failed: int = 0
    found: list[proof.Difference] = field(default_factory=list)

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        done = (
            f"{some(self.hours, 'hour')}, {some(self.folds, 'fold')}, {some(self.conversations, 'conversation')} proven"
        )
        failed = (
            f"; {some(self.failed, 'stretch', 'stretches')} failed, see the log of the worker" if self.failed else ""
        )
        found = some(len(self.found), "difference")
        return f"{done}; {found} repaired; {some(self.left, 'hour')} left{failed}"


def prove_closed_hours(*, now: datetime, seconds: float | None = None) -> ProofRun:
    """Prove and repair: first what was never proven, then what was proven longest ago.

    It begins nothing more after so many seconds, by default `SWEEP_SECONDS`.
    """
    run = ProofRun()
    deadline = time.monotonic() + (settings.SWEEP_SECONDS if seconds is None else seconds)
    waiting = unproven_hours(now)
    _prove_hours(waiting, run, now, deadline)
    run.left = len(waiting) - run.hours
    if not run.left:
        _prove_hours(least_recently_proven(settings.PROVE_HOURS_PER_RUN), run, now, deadline)
        _prove_folds(run, now, deadline)
        _prove_task_folds(run, now, deadline)
        _prove_waste(run, now, deadline)
        _prove_conversations(run, now)
    for one in run.found:
        logger.error("A rollup did not equal its records and was repaired: %s", one)
    return run


def prove_span(start: datetime, end: datetime, *, now: datetime) -> list[proof.Difference]:
    """Prove whole hours [start, end), at most a day, and repair what does not add up. Returns what was found."""
    return [one for span in proof.suspicious(start, end) for one in proving.repair(span.start, span.end, now=now)]


def restore_conversations(start: datetime, end: datetime, *, now: datetime) -> list[proof.Difference]:
    """Add up the conversations that records of [start, end) name and that have no total. Returns what was found."""
    missing, found = proof.missing_conversations(start, end), []
    for begin in range(0, len(missing), CONVERSATIONS_AT_ONCE):
        found += proving.repair_conversations(missing[begin : begin + CONVERSATIONS_AT_ONCE], now=now)
    return found


def _prove_hours(hours: Sequence[datetime], run: ProofRun, now: datetime, deadline: float) -> None:
    for start, end in _runs_of(hours):
        if time.monotonic() > deadline:
            return
        try:
            run.found += prove_span(start, end, now=now) + restore_conversations(start, end, now=now)
        except OperationalError:
            # One stretch that is too much, or locked, must not keep the others from being proven.
            logger.exception("The hours from %s to %s could not be proven", start, end)
            run.failed += 1
            continue
        run.hours += (end - start) // HOUR
        _note_hours(start, end)


def _runs_of(hours: Iterable[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Hours as spans [start, end): neighbours of one UTC day together, in the order in which their days come."""
    days: dict[object, list[datetime]] = {}
    for hour in hours:
        days.setdefault(hour.date(), []).append(hour)
    for day in days.values():
        start = end = None
        for hour in sorted(day):
            if start is not None and end is not None and hour != end:
                yield start, end
                start = None
            start, end = start or hour, hour + HOUR
        if start is not None and end is not None:
            yield start, end


def _note_hours(start: datetime, end: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO costs_provenhour (bucket, proven_at)"
            " SELECT hour, now() FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 hour',"
            " interval '1 hour') AS hour ON CONFLICT (bucket) DO UPDATE SET proven_at = now()",
            [start, end],
        )


def _prove_folds(run: ProofRun, now: datetime, deadline: float) -> None:
    for fold in folds_to_prove(FOLDS_PER_RUN):
        if time.monotonic() > deadline:
            return
        found = proof.fold_differences(fold)
        if found:
            proving.reopen_fold(fold, found, now=now)
            run.found += found
        else:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE costs_dayfold SET proven_at = now() WHERE bucket = %s AND ends_at = %s", [*fold])
        run.folds += 1


def _prove_task_folds(run: ProofRun, now: datetime, deadline: float) -> None:
    for fold in proof.task_folds_to_prove(FOLDS_PER_RUN):
        if time.monotonic() > deadline:
            return
        if found := proof.task_fold_differences(fold):
            task_folding.reopen_task_fold(fold, found, now=now)
            run.found += found
        else:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE costs_taskfold SET proven_at = now() WHERE bucket = %s AND ends_at = %s", [*fold]
                )
        run.folds += 1


def _prove_waste(run: ProofRun, now: datetime, deadline: float) -> None:
    for fold in waste_folds_to_prove(FOLDS_PER_RUN):
        if time.monotonic() > deadline:
            return
        if found := proof.waste_fold_differences(fold):
            waste_folding.reopen_waste(fold, found, now=now)
            run.found += found
        else:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE costs_dayfold SET waste_proven_at = now() WHERE zone = %s AND bucket = %s AND ends_at = %s",
                    [fold.zone, fold.start, fold.end],
                )
        run.folds += 1


def _prove_conversations(run: ProofRun, now: datetime) -> None:
    """The next stretch of the walk over all conversations; at its end it begins again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT conversations_project_id, conversations_id FROM costs_booksstate")
        position = cursor.fetchone() or proof.START
    chunk = proof.next_chunk((position[0], position[1]), conversations=CONVERSATIONS_AT_ONCE)
    # The walk moves on first: a chunk that fails is tried again in the next round, not at every beat.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO costs_booksstate (id, conversations_project_id, conversations_id) VALUES (1, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET conversations_project_id = excluded.conversations_project_id,"
            " conversations_id = excluded.conversations_id",
            [*(chunk.last or proof.START)],
        )
    if proof.conversation_differences(chunk.keys):
        run.found += proving.repair_conversations(chunk.keys, now=now)
    run.conversations += len(chunk.keys)
