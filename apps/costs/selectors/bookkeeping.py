"""How the background work on the books stands: what it did last, what it has still to do, what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings

from apps.costs.models import ProvenHour, RetentionRun, RollupDifference, Sweep
from apps.costs.selectors.backlog import unfolded_days, unproven_hours

SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SweepState:
    """The last run of one kind of background work, in words; `is_late` when it has not caught up for too long."""

    name: str
    ran_at: datetime
    behind_since: datetime | None
    words: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """The oldest work that is not done, the last proof, what it found in the last 30 days, and the last retention."""

    oldest_unfolded_day: date | None
    oldest_unproven_hour: datetime | None
    last_proof_at: datetime | None
    differences: Sequence[RollupDifference]
    differences_count: int
    last_retention: RetentionRun | None


def sweep_states(now: datetime) -> dict[str, SweepState]:
    """Every kind of background work that has ever run, by the name of its beat entry."""
    return {
        row.name: SweepState(row.name, row.ran_at, row.behind_since, row.words, _is_late(row, now))
        for row in Sweep.objects.all()
    }


def bookkeeping(now: datetime, *, shown: int = 20) -> Bookkeeping:
    """How the books stand, with the newest differences found, at most `shown`."""
    days, hours = unfolded_days(now), unproven_hours(now)
    recent = RollupDifference.objects.filter(found_at__gte=now - SHOWN_FOR)
    last = ProvenHour.objects.order_by("-proven_at").first()
    return Bookkeeping(
        oldest_unfolded_day=days[-1] if days else None,
        oldest_unproven_hour=hours[-1] if hours else None,
        last_proof_at=last.proven_at if last else None,
        differences=list(recent.order_by("-found_at", "-id")[:shown]),
        differences_count=recent.count(),
        last_retention=RetentionRun.objects.order_by("-started_at").first(),
    )


def _is_late(row: Sweep, now: datetime) -> bool:
    limit = timedelta(seconds=settings.BACKGROUND_LATE_SECONDS)
    return row.behind_since is not None and now - row.behind_since > limit
