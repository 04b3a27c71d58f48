"""Carrying runs out in the background: a worker takes a run for a while, and does batch after batch of it.

The lease lies on the run's row and is renewed with every batch, in its transaction; a batch begins by looking whether
the lease is still this worker's. So two workers never do the same batch, and one that dies is followed by the next.
"""

import secrets
import time
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.costs.models import RerateRun, RerateState
from apps.costs.selectors.pace import background_transaction
from apps.costs.services.locks import repair_alone
from apps.costs.services.rerating import applying, previewing

LEASE_SECONDS = 90
SECONDS = 35.0
FORGOTTEN_AT_ONCE = 20_000
_S = RerateState


@dataclass(frozen=True, slots=True)
class Worked:
    """What one sweep did: the run it worked on, and how many batches."""

    run_id: int
    batches: int


def work_on_rerates(*, seconds: float = SECONDS, batches: int = 1_000_000) -> Worked | None:
    """Carry out the oldest run that waits, for about so many seconds; safe to run twice at once. None: none waits.

    Raises OperationalError when a lock is not free in time; the next sweep goes on.
    """
    holder = secrets.token_hex(8)
    run_id = _take(holder)
    if run_id is None:
        _forget_abandoned()
        return None
    deadline, done = time.monotonic() + seconds, 0
    try:
        while done < batches and time.monotonic() < deadline and _batch(run_id, holder):
            done += 1
    finally:
        _give_back(run_id, holder)
    return Worked(run_id, done)


def _take(holder: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE costs_reraterun SET taken_by = %s, taken_until = now() + make_interval(secs => %s)"
            " WHERE id = (SELECT id FROM costs_reraterun"
            "  WHERE state IN ('draft', 'approved', 'applying', 'reversing')"
            "  AND (taken_until IS NULL OR taken_until < now()) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING id",
            [holder, LEASE_SECONDS],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _give_back(run_id: int, holder: str) -> None:
    RerateRun.objects.filter(id=run_id, taken_by=holder).update(taken_by="", taken_until=None)


def _batch(run_id: int, holder: str) -> bool:
    """One batch in one transaction. False when nothing is left to do, or the run is another worker's by now."""
    with background_transaction() as cursor:
        changes = not RerateRun.objects.filter(id=run_id, state=_S.DRAFT).exists()
        if changes:
            # First of all locks, as repairs and folds take it: nobody waits in a circle.
            repair_alone(cursor)
        run = RerateRun.objects.select_for_update().get(id=run_id)
        if run.taken_by != holder:
            return False
        if run.state != _S.DRAFT and not changes:
            return True  # its state has just moved on: again, with the lock
        _renew(cursor, run)
        if run.state == _S.DRAFT:
            previewing.preview_batch(cursor, run)
        elif run.state in (_S.APPROVED, _S.APPLYING):
            applying.apply_batch(cursor, run)
        elif run.state == _S.REVERSING:
            applying.reverse_batch(cursor, run)
        return run.state in (_S.DRAFT, _S.APPROVED, _S.APPLYING, _S.REVERSING)


def _renew(cursor: CursorWrapper, run: RerateRun) -> None:
    cursor.execute("SELECT now() + make_interval(secs => %s)", [LEASE_SECONDS])
    run.taken_until = cursor.fetchone()[0]


def _forget_abandoned() -> None:
    """The previews of abandoned runs go, in pieces."""
    run = RerateRun.objects.filter(state=_S.ABANDONED, changed__gt=0).order_by("id").first()
    if run is None:
        return
    with background_transaction() as cursor:
        if previewing.forget(cursor, run, FORGOTTEN_AT_ONCE) < FORGOTTEN_AT_ONCE:
            RerateRun.objects.filter(id=run.pk).update(changed=0)
