"""Runs of replays, within what a caller may see, and what they came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.access.domain.identity import Caller
from apps.costs.domain.pricing import usd
from apps.routing.domain.predicting import Compared
from apps.routing.domain.tally import Saving, Side, Tally, tally_of
from apps.routing.models import ReplayRun, ReplayState
from apps.routing.selectors.replaying import by_group, known_qualities

ENDED = frozenset({ReplayState.DONE, ReplayState.STOPPED, ReplayState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay came to; amounts in USD, at the prices of one instant."""

    tally: Tally
    before_usd: Decimal
    after_usd: Decimal
    billed_usd: Decimal
    saving: Saving | None
    quality: Compared | None
    latency_before_ms: int | None
    latency_after_ms: int | None

    @property
    def difference_usd(self) -> Decimal:
        """What it would cost more; below 0 it saves."""
        return self.after_usd - self.before_usd

    @property
    def saved_usd(self) -> Decimal:
        """What it would save; below 0 it costs more."""
        return self.before_usd - self.after_usd

    @property
    def tasks(self) -> int:
        """Tasks that began in the time."""
        return sum(self.tally.tasks.values())


def replays_of(caller: Caller) -> QuerySet[ReplayRun]:
    """Runs, newest first; people limited to projects see those that look at nothing else."""
    runs = ReplayRun.objects.order_by("-id")
    return runs if caller.project_ids is None else runs.filter(project_ids__contained_by=sorted(caller.project_ids))


def percent(run: ReplayRun) -> int:
    """How much of its time is replayed."""
    if run.state == ReplayState.DONE:
        return 100
    whole = run.end - run.start
    return int((run.done_until - run.start) * 100 // whole) if whole else 0


def outcome_of(run: ReplayRun, known: Mapping[Any, Any] | None = None) -> Outcome:
    """The sums of a run as figures; `known` are the statistics of quality by group, read once for several runs."""
    tally = tally_of(run.sums)
    latency = tally.mean_latency()
    return Outcome(
        tally,
        usd(tally.whole.before),
        usd(tally.whole.after),
        usd(tally.billed),
        tally.saving(),
        tally.quality(by_group(known_qualities()) if known is None else known),
        *latency,
    )


def sides(named: Mapping[Any, Side]) -> list[tuple[Any, Side, Decimal, Decimal]]:
    """Sums by name with their amounts, the largest difference first."""
    rows = [(name, side, usd(side.before), usd(side.after)) for name, side in named.items()]
    return sorted(rows, key=lambda row: (-abs(row[2] - row[3]), str(row[0])))
