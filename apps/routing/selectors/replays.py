"""Runs of replays, within what a caller may see, and what they came to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.access.domain.identity import Caller
from apps.costs.domain.pricing import usd
from apps.routing.domain.levers import STEPS, Levers, grown, levers_of
from apps.routing.domain.off_policy import ByLot
from apps.routing.domain.predicting import Compared
from apps.routing.domain.tally import PERCENTILES, Saving, Side, Tally, tally_of
from apps.routing.models import ReplayRun, ReplayState
from apps.routing.selectors.replaying import by_group, known_qualities

STEP, USD_STEP = Decimal("0.0001"), Decimal("1e-15")
ENDED = frozenset({ReplayState.DONE, ReplayState.STOPPED, ReplayState.CANCELLED})


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step of a what-if: what it is, what all calls cost after it, and what it changed."""

    name: str
    after_usd: Decimal
    difference_usd: Decimal

    @property
    def words(self) -> str:
        """As a person reads it."""
        return STEPS[self.name]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay came to; amounts in USD, at the prices of one instant. After is at the supposed number of calls."""

    tally: Tally
    before_usd: Decimal
    after_usd: Decimal
    billed_usd: Decimal
    saving: Saving | None
    quality: Compared | None
    latency_before_ms: int | None
    latency_after_ms: int | None
    latency_p50_ms: tuple[int | None, int | None]
    latency_p95_ms: tuple[int | None, int | None]
    levers: Levers = Levers()
    steps: tuple[StepTaken, ...] = ()
    by_lot: ByLot | None = None

    @property
    def cached_shares(self) -> tuple[Decimal, Decimal] | None:
        """The share of the input that is read from the cache, before and after; None without input."""
        before, cached_before, after, cached_after = self.tally.tokens
        if not before or not after:
            return None
        return (Decimal(cached_before) / before).quantize(STEP), (Decimal(cached_after) / after).quantize(STEP)

    @property
    def per_success_usd(self) -> tuple[Decimal, Decimal] | None:
        """Cost ÷ the tasks that are expected to succeed, before and after; None where success is not known.

        More calls are more tasks: their number cancels out.
        """
        quality, tasks = self.quality, self.tasks
        if quality is None or not tasks or not (quality.before.mean and quality.after.mean):
            return None
        before, after = usd(self.tally.whole.before), usd(self.tally.whole.after)
        return (
            (Decimal(before) / tasks / quality.before.mean).quantize(USD_STEP),
            (Decimal(after) / tasks / quality.after.mean).quantize(USD_STEP),
        )

    @property
    def models(self) -> list[tuple[str, Side, Decimal, Decimal]]:
        """What calls cost by the model that serves them, before and after; the dearest first."""
        rows = [
            (model, side, usd(side.before), usd(grown(side.after, self.levers)))
            for model, side in self.tally.by_model.items()
        ]
        return sorted(rows, key=lambda row: (-max(row[2], row[3]), row[0]))

    @property
    def assumptions(self) -> list[str]:
        """What the suppositions take for granted."""
        return self.levers.assumptions(settings.PROMPT_CACHE_LEAST_TOKENS)

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


def outcome_of(run: ReplayRun, known: Mapping[Any, Any] | None = None, *, with_lot: bool = False) -> Outcome:
    """The sums of a run as figures; `known` are the statistics of quality by group, read once for several runs."""
    tally, levers = tally_of(run.sums), levers_of(run.levers)
    median, high = (tally.latency_at(share) for share in PERCENTILES)
    return Outcome(
        tally,
        usd(tally.whole.before),
        usd(grown(tally.whole.after, levers)),
        usd(tally.billed),
        tally.saving(levers.volume),
        tally.quality(by_group(known_qualities()) if known is None else known),
        *tally.mean_latency(),
        median,
        high,
        levers,
        tuple(_steps(tally, levers)),
        ByLot(*tally.off_policy()) if with_lot else None,
    )


def _steps(tally: Tally, levers: Levers) -> Iterator[StepTaken]:
    """The steps in their order; what they changed adds up to the whole difference."""
    before = tally.whole.before
    for name in STEPS:
        if name == "volume" and levers.growth is not None:
            after = grown(tally.whole.after, levers)
        elif name in tally.steps:
            after = tally.steps[name]
        else:
            continue
        yield StepTaken(name, usd(after), usd(after - before))
        before = after


def sides(named: Mapping[Any, Side], levers: Levers) -> list[tuple[Any, Side, Decimal, Decimal]]:
    """Sums by name with their amounts, those after at the supposed number of calls; the largest difference first."""
    rows = [(name, side, usd(side.before), usd(grown(side.after, levers))) for name, side in named.items()]
    return sorted(rows, key=lambda row: (-abs(row[2] - row[3]), str(row[0])))
