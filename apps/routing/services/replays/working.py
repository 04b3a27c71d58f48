"""Replays are made in the background: a worker takes a run for a while, and adds piece after piece to its sums.

The lease lies on the run's row and is renewed with every piece, in its transaction; a piece is added only while the
lease is still this worker's. So no piece is added twice, and a worker that dies is followed by the next.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.domain.levers import levers_of
from apps.routing.domain.policy import PolicyError, policy_of
from apps.routing.domain.scenarios import only_of
from apps.routing.domain.tally import tally_of
from apps.routing.models import ReplayRun, ReplayState
from apps.routing.selectors.replaying import Scenario, known_qualities, replay_piece
from apps.routing.services.replays.asking import moves_of

LEASE_SECONDS = 90
PIECE = timedelta(hours=6)
_S = ReplayState


@dataclass(frozen=True, slots=True)
class Worked:
    """What one sweep did: the run it worked on, and how many pieces it added."""

    run_id: int
    pieces: int


def work_on_replays(*, seconds: int = 35, pieces: int = 1_000_000) -> Worked | None:
    """Go on with the oldest run that waits, for about so many seconds; safe to run twice at once. None: none waits."""
    holder = secrets.token_hex(8)
    run_id = _take(holder)
    if run_id is None:
        _forget_old()
        return None
    deadline, done = time.monotonic() + seconds, 0
    try:
        while done < pieces and time.monotonic() < deadline and _piece(run_id, holder):
            done += 1
    finally:
        ReplayRun.objects.filter(id=run_id, taken_by=holder).update(taken_by="", taken_until=None)
    return Worked(run_id, done)


def _take(holder: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE routing_replayrun SET taken_by = %s, taken_until = now() + make_interval(secs => %s),"
            " state = 'working' WHERE id = (SELECT id FROM routing_replayrun WHERE state IN ('waiting', 'working')"
            "  AND (taken_until IS NULL OR taken_until < now()) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING id",
            [holder, LEASE_SECONDS],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _piece(run_id: int, holder: str) -> bool:
    """One piece in one transaction. False when nothing is left to do, or the run is another worker's by now."""
    with background_transaction(seconds=60) as cursor:
        run = ReplayRun.objects.select_for_update().get(id=run_id)
        if run.taken_by != holder or run.state != _S.WORKING:
            return False
        until = min(run.end, run.done_until + PIECE)
        try:
            scenario = _scenario(run)
        except PolicyError as error:
            run.state, run.why = _S.STOPPED, f"The policy cannot be read any more: {error}"
            run.save(update_fields=["state", "why"])
            return False
        tally = tally_of(run.sums)
        replay_piece(scenario, tally, run.done_until, until, project_ids=run.project_ids or [])
        run.sums, run.done_until = tally.as_plain(), until
        cursor.execute("SELECT now(), now() + make_interval(secs => %s)", [LEASE_SECONDS])
        now, run.taken_until = cursor.fetchone()
        if until >= run.end:
            run.state, run.done_at = _S.DONE, now
        run.save(update_fields=["sums", "done_until", "taken_until", "state", "done_at"])
        return until < run.end


def _scenario(run: ReplayRun) -> Scenario:
    def read(document: dict[str, Any] | None) -> Any:
        return None if document is None else policy_of(document)

    return Scenario(
        read(run.before_document), read(run.document), moves_of(run), current_rate_book(), run.priced_at,
        known_qualities(), levers_of(run.levers), only_of(run.only),
    )  # fmt: skip


def _forget_old() -> None:
    """Of runs that ended only the newest are kept, and those that have a name."""
    ended = ReplayRun.objects.filter(name="").exclude(state__in=(_S.WAITING, _S.WORKING)).order_by("-id")
    oldest = ended.values_list("id", flat=True)[settings.REPLAY_KEPT : settings.REPLAY_KEPT + 1].first()
    if oldest is not None:
        ended.filter(id__lte=oldest).delete()
