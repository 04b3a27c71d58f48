"""The sums of a replay: calls before and after by task, kind of task and move; kept as plain JSON between steps.

Money is whole femto-dollars. Tasks fall into blocks by a hash of their id: calls of one task stay together, and drawing
blocks again tells how sure a sum is without keeping every task.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from apps.costs.domain.latency import bin_of, packed, percentile, unpacked

from .candidates import Quality
from .off_policy import WHOLE, Blocks, Drawn, OffPolicy, block_of, blocks_of, count, of_cost, of_success, plain_blocks
from .predicting import Compared, compared
from .replay.intervals import ratio

LEAST_BLOCKS = 30
PERCENTILES = (0.5, 0.95)
"""Of the latency, that are told."""
Group = tuple[str, str]
"""A model as `provider/name`, and a task type."""
_STEP = Decimal("0.0001")
NO_STEPS: Mapping[str, int | None] = {}


@dataclass(slots=True)
class Side:
    """Sums of compared calls."""

    calls: int = 0
    moved: int = 0
    before: int = 0
    after: int = 0

    def add(self, before: int, after: int, *, moved: bool, calls: int) -> None:
        """One call, or an imported sum of several."""
        self.calls += calls
        self.moved += calls * moved
        self.before += before
        self.after += after


@dataclass(frozen=True, slots=True)
class Saving:
    """The share of the cost that is saved, with the middle 95 % over tasks drawn again; None with too few tasks."""

    share: Decimal
    low: Decimal | None
    high: Decimal | None

    @property
    def more(self) -> "Saving":
        """The same as what is spent more, for where nothing is saved."""
        ends = [None if end is None else -end for end in (self.high, self.low)]
        return Saving(-self.share, *ends)


@dataclass(slots=True)
class Tally:
    """What a replay has added up so far. `billed` is what all calls were billed, compared or not."""

    calls: int = 0
    unpriced_calls: int = 0
    undecided_calls: int = 0
    billed: int = 0
    whole: Side = field(default_factory=Side)
    blocks: dict[int, Side] = field(default_factory=dict)
    by_task_type: dict[str, Side] = field(default_factory=dict)
    by_move: dict[tuple[str, str], Side] = field(default_factory=dict)
    tasks: dict[tuple[Group, Group], int] = field(default_factory=dict)
    judged_tasks: int = 0
    succeeded_tasks: int = 0
    latency: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By model: calls that reported a latency, and its sum in milliseconds."""
    latency_bins: dict[str, dict[int, int]] = field(default_factory=dict)
    """By model: the same calls by the bins of costs/domain/latency.py."""
    by_model: dict[str, Side] = field(default_factory=dict)
    """By model: what the compared calls cost that it serves, before and after; calls are those it serves after."""
    steps: dict[str, int] = field(default_factory=dict)
    """What the compared calls cost after each step of domain/levers.py that takes part, the steps before in it."""
    tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Input tokens of the compared calls, and of them those from the cache; before, and after."""

    drawn: dict[str, Blocks] = field(default_factory=lambda: {"success": {}, "cost": {}})
    """By what is measured, and by block: the tasks whose first decision chance had a part in."""

    def add(
        self, task: str, task_type: str, models: tuple[str, str], costs: tuple[int | None, int | None], *, calls: int,
        steps: Mapping[str, int | None] = NO_STEPS, tokens: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> None:  # fmt: skip
        """One call with the models that serve it before and after, and what it costs there."""
        before, after = costs
        if before is None or after is None:
            self.unpriced_calls += calls
            return
        moved = models[0] != models[1]
        sides = [
            self.whole,
            self.blocks.setdefault(block_of(task), Side()),
            self.by_task_type.setdefault(task_type, Side()),
        ]
        if moved:
            sides.append(self.by_move.setdefault(models, Side()))
        for side in sides:
            side.add(before, after, moved=moved, calls=calls)
        self.by_model.setdefault(models[0], Side()).before += before
        served = self.by_model.setdefault(models[1], Side())
        served.after, served.calls = served.after + after, served.calls + calls
        for name, cost in steps.items():
            self.steps[name] = self.steps.get(name, 0) + (cost or 0)
        one, two, three, four = self.tokens
        self.tokens = (one + tokens[0], two + tokens[1], three + tokens[2], four + tokens[3])

    def add_task(self, before: Group, after: Group, success: bool | None) -> None:
        """One task, at the models of its first call."""
        self.tasks[before, after] = self.tasks.get((before, after), 0) + 1
        self.judged_tasks += success is not None
        self.succeeded_tasks += bool(success)

    def add_drawn(self, what: str, task: str, one: Drawn) -> None:
        """One task whose first decision was drawn, as domain/off_policy.py counts it."""
        count(self.drawn[what], task, one)

    def off_policy(self) -> tuple[OffPolicy, OffPolicy]:
        """What the drawn tasks tell of the success, and of the cost of a task in USD."""
        return of_success(self.drawn["success"]), of_cost(self.drawn["cost"])

    def add_latency(self, model: str, milliseconds: int) -> None:
        """The latency of one call as it was."""
        calls, total = self.latency.get(model, (0, 0))
        self.latency[model] = (calls + 1, total + milliseconds)
        bins, number = self.latency_bins.setdefault(model, {}), bin_of(milliseconds)
        bins[number] = bins.get(number, 0) + 1

    def saving(self, volume: Decimal = Decimal(1)) -> Saving | None:
        """How much is saved with so many times the calls, and how sure that is; None where they cost nothing before."""
        if self.whole.before <= 0:
            return None
        value = (1 - volume * self.whole.after / Decimal(self.whole.before)).quantize(_STEP)
        told = [side for side in self.blocks.values() if side.before]
        if len(told) < LEAST_BLOCKS:
            return Saving(value, None, None)
        found = ratio(np.array([side.after for side in told], float), np.array([side.before for side in told], float))
        return Saving(value, _share(1 - float(volume) * found.high), _share(1 - float(volume) * found.low))

    def quality(self, known: Mapping[Group, Quality]) -> Compared | None:
        """The success to be expected before and after; None where no task is known on both sides."""
        return compared(self.tasks, known)

    def mean_latency(self) -> tuple[int | None, int | None]:
        """Milliseconds before, and after by the means of the models that take over; None where one has none."""
        calls, total = sum(one[0] for one in self.latency.values()), sum(one[1] for one in self.latency.values())
        if not calls:
            return None, None
        change = Decimal(0)
        for (source, target), side in self.by_move.items():
            if source not in self.latency or target not in self.latency:
                return total // calls, None
            means = [Decimal(self.latency[model][1]) / self.latency[model][0] for model in (source, target)]
            change += side.calls * (means[1] - means[0])
        return total // calls, max(0, round(Decimal(total) / calls + change / max(1, self.whole.calls)))

    def latency_at(self, share: float) -> tuple[int | None, int | None]:
        """A percentile of the latency in milliseconds: before, and after by those of the models that take over; None
        where one has none.
        """
        before: dict[int, int] = {}
        for bins in self.latency_bins.values():
            _mix(before, bins, 1, 1)
        first = percentile(before, share)
        if first is None:
            return None, None
        calls = {model: one[0] for model, one in self.latency.items()}
        serves = dict(calls)
        for (source, target), side in self.by_move.items():
            if target not in calls or source not in calls:
                return round(first), None
            moved = min(side.calls, serves[source])
            serves[source] -= moved
            serves[target] = serves.get(target, 0) + moved
        after: dict[int, int] = {}
        for model, bins in self.latency_bins.items():
            _mix(after, bins, serves[model], calls[model])
        last = percentile(after, share)
        return round(first), None if last is None else round(last)

    def as_plain(self) -> dict[str, Any]:
        """Everything as JSON values; `tally_of` is the inverse."""
        plain = {name: getattr(self, name) for name in _COUNTS}
        plain["whole"] = _side(self.whole)
        plain["blocks"] = [[number, *_side(side)] for number, side in sorted(self.blocks.items())]
        plain["by_task_type"] = [[name, *_side(side)] for name, side in sorted(self.by_task_type.items())]
        plain["by_move"] = [[*models, *_side(side)] for models, side in sorted(self.by_move.items())]
        plain["tasks"] = [[*before, *after, count] for (before, after), count in sorted(self.tasks.items())]
        plain["latency"] = [[model, *sums] for model, sums in sorted(self.latency.items())]
        plain["drawn"] = {what: plain_blocks(blocks) for what, blocks in self.drawn.items()}
        plain["by_model"] = [[model, *_side(side)] for model, side in sorted(self.by_model.items())]
        plain["latency_bins"] = [[model, packed(bins)] for model, bins in sorted(self.latency_bins.items())]
        plain["steps"], plain["tokens"] = self.steps, list(self.tokens)
        return plain


_COUNTS = ("calls", "unpriced_calls", "undecided_calls", "billed", "judged_tasks", "succeeded_tasks")


def tally_of(plain: Mapping[str, Any]) -> Tally:
    """A tally from its JSON values; an empty one from nothing."""
    if not plain:
        return Tally()
    return Tally(
        **{name: plain[name] for name in _COUNTS},
        whole=Side(*plain["whole"]),
        blocks={number: Side(*rest) for number, *rest in plain["blocks"]},
        by_task_type={name: Side(*rest) for name, *rest in plain["by_task_type"]},
        by_move={(source, target): Side(*rest) for source, target, *rest in plain["by_move"]},
        tasks={((a, b), (c, d)): count for a, b, c, d, count in plain["tasks"]},
        latency={model: (calls, total) for model, calls, total in plain["latency"]},
        drawn={what: blocks_of(plain.get("drawn", {}).get(what, ())) for what in ("success", "cost")},
        by_model={model: Side(*rest) for model, *rest in plain.get("by_model", ())},
        latency_bins={model: unpacked(bins) for model, bins in plain.get("latency_bins", ())},
        steps=dict(plain.get("steps", {})),
        tokens=tuple(plain.get("tokens", (0, 0, 0, 0))),
    )


def _mix(into: dict[int, int], bins: Mapping[int, int], times: int, of: int) -> None:
    """Add a histogram, as if so many calls of it had been seen instead of those that were; in millionths of calls."""
    for number, count_ in bins.items():
        into[number] = into.get(number, 0) + count_ * times * WHOLE // of


def _side(side: Side) -> list[int]:
    return [side.calls, side.moved, side.before, side.after]


def _share(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP) + 0
