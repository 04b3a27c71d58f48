"""What a choice of models would have achieved and cost, from tasks whose model chance had a part in.

Where a policy explores, every model that could take the first call of a task gets it with a chance that is kept. A task
whose model is the one that another choice takes stands for all that could have gone that way: it weighs 1 ÷ its chance.

1. `weighed` (inverse propensity): the sum of the weighed values ÷ all tasks. Right when the chances are; it scatters.
2. `normed` (self-normalised): the same ÷ the sum of the weights. It scatters less.
3. `robust` (doubly robust): the value expected at the model that is taken, for every task, put right by what the
   weighed tasks came to beyond what was expected of them. Right when either the chances or the expectations are.

Sums are whole numbers: successes and chances in millionths, money in femto-dollars. They are kept by blocks of tasks,
and blocks are drawn again for the intervals. Weights are not cut: instead nothing is told while the tasks that speak
for the change are worth fewer than `LEAST_EFFECTIVE`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any, Literal
from zlib import crc32

import numpy as np

from .replay.intervals import drawn
from .replay.table import Vector

WHOLE = 1_000_000
LEAST_EFFECTIVE = 20
BLOCKS = 200
LEAST_BLOCKS = 30
FEMTO = 10**15
_SHARE, _USD = Decimal("0.0001"), Decimal("1e-15")
ESTIMATES = ("before", "weighed", "normed", "robust", "change")
Why = Literal["", "nothing_drawn", "nothing_moves", "too_few"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One task whose first decision was drawn.

    `chance` is that of the model it got, in millionths. `is_taken`: the choice on trial takes the same model.
    `is_moved`: it takes another than the usual one. `came` is what came of the task, `here` what was expected of the
    model it got, `there` what is expected of the one on trial.
    """

    chance: int
    is_taken: bool
    is_moved: bool
    came: int
    here: int
    there: int


@dataclass(slots=True)
class DrawnSums:
    """Sums over drawn tasks; those that are weighed carry their weight in millionths."""

    tasks: int = 0
    moved: int = 0
    moved_taken: int = 0
    weight: int = 0
    moved_weight: int = 0
    moved_squares: int = 0
    came: int = 0
    here: int = 0
    there: int = 0
    weighed_came: int = 0
    weighed_here: int = 0

    def add(self, one: Drawn) -> None:
        """Count one task."""
        self.tasks += 1
        self.moved += one.is_moved
        self.came += one.came
        self.here += one.here
        self.there += one.there
        if not one.is_taken:
            return
        weight = round(Decimal(WHOLE) * WHOLE / one.chance)
        self.weight += weight
        self.weighed_came += weight * one.came
        self.weighed_here += weight * one.here
        if one.is_moved:
            self.moved_taken += 1
            self.moved_weight += weight
            self.moved_squares += weight * weight

    def as_plain(self) -> list[int]:
        """As JSON values, in the order of the fields."""
        return list(astuple(self))


Blocks = dict[int, DrawnSums]
"""Sums by the block that a hash of the task puts it into."""


def block_of(task: str) -> int:
    """The block of a task, so that what belongs to one stays together."""
    return crc32(task.encode()) % BLOCKS


def count(blocks: Blocks, task: str, one: Drawn) -> None:
    """Count a task in its block."""
    blocks.setdefault(block_of(task), DrawnSums()).add(one)


def plain_blocks(blocks: Blocks) -> list[list[int]]:
    """Blocks as JSON values; `blocks_of` is the inverse."""
    return [[number, *sums.as_plain()] for number, sums in sorted(blocks.items())]


def blocks_of(plain: Iterable[Sequence[int]]) -> Blocks:
    """Blocks from their JSON values."""
    return {number: DrawnSums(*rest) for number, *rest in plain}


@dataclass(frozen=True, slots=True)
class Told:
    """A mean over the tasks, with the middle 95 % of what it is when blocks of tasks are drawn again."""

    value: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What the drawn tasks came to, and would have under the choice on trial, a task; `why` says why nothing is told.

    `effective` is how many equally weighed tasks those are worth that speak for the change: taken and moved.
    `overlap` is the share of the moved tasks that could have got the model on trial, as the weights tell it; for the
    rest the robust estimate stands on expectations alone. `unit` is what values are divided by.
    """

    why: Why
    tasks: int
    moved: int
    moved_taken: int
    effective: Decimal
    overlap: Decimal
    before: Told | None = None
    weighed: Told | None = None
    normed: Told | None = None
    robust: Told | None = None
    change: Told | None = None
    """The robust estimate less what came: its interval is that of the difference."""

    def as_plain(self) -> dict[str, Any]:
        """As JSON values with exact decimals; `off_policy_of` is the inverse."""
        told = {name: getattr(self, name) for name in ESTIMATES}
        return {
            "why": self.why or None,
            "tasks": self.tasks,
            "moved_tasks": self.moved,
            "taken_tasks": self.moved_taken,
            "effective_tasks": f"{self.effective:f}",
            "least_effective_tasks": LEAST_EFFECTIVE,
            "overlap": f"{self.overlap:f}",
            **{
                name: None if one is None else {end: f"{getattr(one, end):f}" for end in ("value", "low", "high")}
                for name, one in told.items()
            },
        }


@dataclass(frozen=True, slots=True)
class ByLot:
    """What the tasks whose model was drawn tell of the choice on trial: their success, and the USD they cost."""

    success: OffPolicy
    cost: OffPolicy

    @property
    def overlap(self) -> Decimal:
        """The smaller share of moved tasks that could have got the model on trial."""
        told = [one.overlap for one in (self.success, self.cost) if not one.why]
        return min(told, default=Decimal(0))


def off_policy_of(plain: Mapping[str, Any]) -> OffPolicy:
    """What was told, from its JSON values."""
    told = [
        None if plain[name] is None else Told(*(Decimal(plain[name][end]) for end in ("value", "low", "high")))
        for name in ESTIMATES
    ]
    return OffPolicy(
        plain["why"] or "", plain["tasks"], plain["moved_tasks"], plain["taken_tasks"],
        Decimal(plain["effective_tasks"]), Decimal(plain["overlap"]), *told,
    )  # fmt: skip


def of_success(blocks: Blocks) -> OffPolicy:
    """The share of tasks that succeed."""
    return estimated(list(blocks.values()), is_scaled=False, unit=WHOLE, step=_SHARE)


def of_cost(blocks: Blocks) -> OffPolicy:
    """The cost of a task in USD."""
    return estimated(list(blocks.values()), is_scaled=True, unit=FEMTO, step=_USD)


def estimated(blocks: Sequence[DrawnSums], *, is_scaled: bool, unit: int, step: Decimal) -> OffPolicy:
    """The estimates from the sums of blocks.

    With `is_scaled` expectations are right but for a factor, which is taken from the tasks as they came: so of the cost
    of a task, of which a decision knows the first call alone.
    """
    whole = added(blocks)
    effective = Decimal(whole.moved_weight) ** 2 / whole.moved_squares if whole.moved_squares else Decimal(0)
    overlap = Decimal(whole.moved_weight) / WHOLE / whole.moved if whole.moved else Decimal(0)
    why: Why = ""
    if not whole.tasks:
        why = "nothing_drawn"
    elif not whole.moved:
        why = "nothing_moves"
    elif effective < LEAST_EFFECTIVE or len(blocks) < LEAST_BLOCKS or (is_scaled and not whole.here):
        why = "too_few"
    found = OffPolicy(
        why, whole.tasks, whole.moved, whole.moved_taken, effective.quantize(Decimal("0.1")),
        min(Decimal(1), overlap).quantize(Decimal("0.0001")),
    )  # fmt: skip
    return found if why else _told(found, blocks, whole, is_scaled, unit, step)


def added(blocks: Sequence[DrawnSums]) -> DrawnSums:
    """Sums of blocks as one."""
    return DrawnSums(*map(sum, zip(*map(astuple, blocks), strict=True))) if blocks else DrawnSums()


def _told(
    found: OffPolicy, blocks: Sequence[DrawnSums], whole: DrawnSums, is_scaled: bool, unit: int, step: Decimal
) -> OffPolicy:
    columns = {name: np.array([getattr(one, name) for one in blocks], float) for name in DrawnSums.__dataclass_fields__}
    times = drawn(len(blocks))
    again = {name: times @ column for name, column in columns.items()}
    draws = _means(again, is_scaled)
    exact = _exact(whole, is_scaled)

    def told(name: str) -> Told:
        low, high = np.percentile(draws[name], [2.5, 97.5])
        return Told(
            (exact[name] / unit).quantize(step), _plain(float(low) / unit, step), _plain(float(high) / unit, step)
        )

    return OffPolicy(
        "", found.tasks, found.moved, found.moved_taken, found.effective, found.overlap,
        told("before"), told("weighed"), told("normed"), told("robust"), told("change"),
    )  # fmt: skip


def _exact(whole: DrawnSums, is_scaled: bool) -> Mapping[str, Decimal]:
    """The estimates by whole numbers, divided once each."""
    tasks, came = Decimal(whole.tasks), Decimal(whole.came)
    factor = came / whole.here if is_scaled else Decimal(1)
    correction = (whole.weighed_came - factor * whole.weighed_here) / WHOLE
    robust = (factor * whole.there + correction) / tasks
    return {
        "before": came / tasks,
        "weighed": Decimal(whole.weighed_came) / WHOLE / tasks,
        "normed": Decimal(whole.weighed_came) / whole.weight,
        "robust": robust,
        "change": robust - came / tasks,
    }


def _means(sums: Mapping[str, Vector], is_scaled: bool) -> Mapping[str, Vector]:
    """The same for every draw of blocks, one without tasks or weights being 0."""
    tasks = np.maximum(sums["tasks"], 1.0)
    factor = sums["came"] / np.maximum(sums["here"], 1.0) if is_scaled else 1.0
    correction = (sums["weighed_came"] - factor * sums["weighed_here"]) / WHOLE
    robust = (factor * sums["there"] + correction) / tasks
    before = sums["came"] / tasks
    return {
        "before": before,
        "weighed": sums["weighed_came"] / WHOLE / tasks,
        "normed": sums["weighed_came"] / np.maximum(sums["weight"], 1.0),
        "robust": robust,
        "change": robust - before,
    }


def _plain(value: float, step: Decimal) -> Decimal:
    return Decimal(repr(value)).quantize(step) + 0
