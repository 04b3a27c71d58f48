"""What folded days and hours wasted is added up once, so that long ranges need not read millions of records.

A DayFold row says by which settings its sums of waste hold (`waste_rules`); until then, and from the moment they do not
any more, readers take the records. A late record deletes the row, as ever, and takes the sums of the hour after it
back, whose calls it may have come before (ingest/writing.py). Re-rating takes those of the days it changes back.

What a failover cost more depends on today's price of the model tried first, which no record has. Folds with failovers
are made again when the price book changes; for those minutes they tell what they told.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from apps.costs.domain.formats import some
from apps.costs.selectors import waste_sums
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.metrics.waste_hours import rules
from apps.costs.selectors.metrics.waste_records import reach
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.proof import Difference
from apps.costs.selectors.rate_book import current_version
from apps.costs.selectors.waste_backlog import unfolded
from apps.costs.selectors.waste_sums import KEPT, KEYS, WasteFold
from apps.costs.services.locks import fold_alone, reopen_together, repair_alone
from apps.costs.services.proving import keep

logger = logging.getLogger(__name__)
FOLDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WasteFoldRun:
    """What one run did: days and hours whose waste was added up, and how many are left."""

    folded: int
    left: int

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        return f"waste of {some(self.folded, 'day or hour', 'days and hours')} added up, {self.left} left"


def fold_waste(*, at_most: int = FOLDS_AT_ONCE, seconds: float | None = None) -> WasteFoldRun:
    """Add up the waste of folds without sums, newest first, in so many seconds (`SWEEP_SECONDS`). Safe to repeat."""
    waiting, folded = unfolded(at_most), 0
    deadline = time.monotonic() + (settings.SWEEP_SECONDS if seconds is None else seconds)
    for one in waiting:
        if time.monotonic() > deadline:
            break
        try:
            folded += fold_waste_of(one)
        except OperationalError:
            # One that is locked must not keep the others from being folded; it is left for the next run.
            logger.exception("The waste of %s could not be added up", one)
    return WasteFoldRun(folded, len(waiting) - folded)


def fold_waste_of(fold: WasteFold) -> bool:
    """Write the sums of one fold, in one transaction. False when it was taken back or late records came in meanwhile.

    Where the records are gone, sums that were made before stand.
    """
    has_records = horizon().has_records(fold.start)
    version = current_version()
    with background_transaction() as cursor:
        repair_alone(cursor)
        before = _counted(cursor, fold)
        if has_records:
            _write(cursor, fold, is_empty=before is None)
        fold_alone(cursor)
        if _counted(cursor, fold) != before:
            # The rows that were written are read by nobody: no fold says that they hold.
            return False
        cursor.execute(
            "UPDATE costs_dayfold SET waste_rules = %s, waste_version = %s, waste_proven_at = NULL"
            " WHERE zone = %s AND bucket = %s AND ends_at = %s",
            [rules(), version, fold.zone, fold.start, fold.end],
        )
        return bool(cursor.rowcount)


def _write(cursor: CursorWrapper, fold: WasteFold, *, is_empty: bool) -> None:
    cursor.execute(
        "DELETE FROM costs_wasteslice WHERE slice = ANY(%s) AND bucket >= %s AND bucket < %s",
        [waste_sums.slice_numbers(fold), fold.start, fold.end],
    )
    if is_empty:
        return
    cursor.execute(
        f"INSERT INTO costs_wasteslice ({', '.join((*KEYS, *KEPT))}) {waste_sums.rows(fold)}",
        waste_sums.parameters(fold),
    )


def _counted(cursor: CursorWrapper, fold: WasteFold) -> int | None:
    """How many calls and executions lie where they matter for this fold: one that comes in late is one more."""
    cursor.execute(
        "SELECT bursar_total(calls + tool_executions) FROM costs_usagequarter WHERE bucket >= %s AND bucket < %s",
        [fold.start - reach(), fold.end],
    )
    found: int | None = cursor.fetchone()[0]
    return found


def reopen_waste(fold: WasteFold, found: Sequence[Difference], *, now: datetime) -> None:
    """Sums that do not equal the records are taken back; they are made again."""
    with background_transaction() as cursor:
        repair_alone(cursor)
        reopen_together(cursor)
        cursor.execute(
            "UPDATE costs_dayfold SET waste_rules = NULL WHERE zone = %s AND bucket = %s", [fold.zone, fold.start]
        )
        keep(found, now=now, repaired_at=now)


def take_back_waste(cursor: CursorWrapper, moments: Sequence[datetime]) -> None:
    """Folds that records of these moments are part of, or may come before, have no sums of waste from now on.

    The caller holds `repair_alone`, so none is made meanwhile.
    """
    cursor.execute(
        """
        WITH taken AS (
            SELECT zone, bucket FROM costs_dayfold f
            WHERE waste_rules IS NOT NULL AND bucket <= %(last)s::timestamptz + %(reach)s::interval
                AND ends_at > %(first)s AND EXISTS (
                    SELECT FROM unnest(%(moments)s::timestamptz[]) AS changed(at)
                    WHERE changed.at >= f.bucket - %(reach)s::interval AND changed.at < f.ends_at
                )
            ORDER BY zone, bucket FOR UPDATE
        )
        UPDATE costs_dayfold f SET waste_rules = NULL FROM taken WHERE f.zone = taken.zone AND f.bucket = taken.bucket
        """,
        {
            "first": min(moments),
            "last": max(moments),
            "moments": list(moments),
            "reach": f"{reach().total_seconds():.0f} seconds",
        },
    )
