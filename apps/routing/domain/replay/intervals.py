"""How sure a ratio of means is: tasks are drawn again, with both of their sides together."""

from dataclasses import dataclass

import numpy as np

from apps.routing.domain.replay.table import Vector

DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the middle 95 % of what it is over tasks drawn again."""

    value: float
    low: float
    high: float


def ratio(above: Vector, below: Vector, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The ratio of two sums over the same tasks. Without tasks, or over a sum of 0, there is none: ValueError."""
    if len(above) == 0 or below.sum() == 0:
        raise ValueError("a ratio needs tasks, and a sum below that is not 0")
    times = drawn(len(above), draws=draws, seed=seed)
    sums = times @ below
    ratios = np.divide(times @ above, sums, out=np.full(draws, np.nan), where=sums != 0)
    low, high = np.nanpercentile(ratios, [2.5, 97.5])
    return Interval(float(above.sum() / below.sum()), float(low), float(high))


def drawn(tasks: int, *, draws: int = DRAWS, seed: int = 0) -> Vector:
    """How often each task is drawn, a row a draw."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(tasks, np.full(tasks, 1.0 / tasks), size=draws).astype(float)
