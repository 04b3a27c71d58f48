"""What the declared baseline would have cost: three estimates, each with an interval.

The naive estimate credits every task of a cheaper model with the mean cost of the baseline's own tasks. That is biased:
what stays with the baseline is the harder part, and hard tasks take more tokens.

1. `repriced`: the same tokens at the baseline's price. A proxy: the baseline may need more or fewer of them.
2. `adjusted`: that, times what the baseline's tasks cost more or less than the same tokens suggest, learned from tasks
   that both did (shadow or exploration), by kind of task and difficulty.
3. `doubly_robust`: a prediction for every task, corrected by the tasks that chance gave to the baseline. It is right
   when either the predictions or the chances are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.routing.domain.replay.intervals import Interval, drawn
from apps.routing.domain.replay.table import Vector

MOST_WEIGHT = 20.0
"""An inverse chance is cut here, so that one rare task does not decide."""
LEAST_PAIRS = 5
"""Pairs a kind of task needs for a ratio of its own; with fewer, that of all pairs is taken."""


@dataclass(frozen=True)
class Pair:
    """One task both did: its stratum, the cheap model's tokens at the baseline's price, and the true cost there."""

    stratum: str
    repriced: float
    baseline: float


def repriced(costs: Vector, *, draws: int = 1_000) -> Interval:
    """The sum of every task's tokens at the baseline's price."""
    return _summed(costs, draws)


def adjusted(strata: Sequence[str], costs: Vector, pairs: Sequence[Pair], *, draws: int = 1_000) -> Interval:
    """Repriced costs times the ratio of their stratum; both tasks and pairs are drawn again for the interval."""
    if not pairs:
        raise ValueError("without tasks that both did there is nothing to adjust by")
    names = sorted({*strata, *(pair.stratum for pair in pairs)})
    place = {name: number for number, name in enumerate(names)}
    member = np.zeros((len(pairs), len(names)))
    member[np.arange(len(pairs)), [place[pair.stratum] for pair in pairs]] = 1.0
    sums = np.zeros((len(costs), len(names)))
    sums[np.arange(len(costs)), [place[name] for name in strata]] = costs
    true, told = np.array([pair.baseline for pair in pairs]), np.array([pair.repriced for pair in pairs])

    def total(task_times: Vector, pair_times: Vector) -> Vector:
        weighed = pair_times @ member
        own = np.divide((pair_times * true) @ member, (pair_times * told) @ member,
                        out=np.zeros_like(weighed), where=weighed >= LEAST_PAIRS)  # fmt: skip
        everywhere = (pair_times @ true) / np.maximum(pair_times @ told, 1e-12)
        ratios = np.where(weighed >= LEAST_PAIRS, own, everywhere[:, None])
        return np.asarray(((task_times @ sums) * ratios).sum(1))

    value = total(np.ones((1, len(costs))), np.ones((1, len(pairs))))[0]
    return _interval(float(value), total(drawn(len(costs), draws=draws), drawn(len(pairs), draws=draws, seed=1)))


def doubly_robust(
    predicted: Vector, chance: Vector, at_baseline: Vector, costs: Vector, *, draws: int = 1_000
) -> Interval:
    """What all tasks would have cost at the baseline.

    `chance` is the logged chance that a task went to the baseline, `at_baseline` whether it did, `costs` what it cost
    where it went. A task that never could go there adds its prediction alone.
    """
    weight = np.divide(1.0, chance, out=np.zeros_like(chance), where=chance > 0)
    correction = np.minimum(weight, MOST_WEIGHT) * at_baseline * (costs - predicted)
    return _summed(predicted + correction, draws)


def naive(costs: Vector, at_baseline: Vector) -> float:
    """The mean cost of the baseline's own tasks for every task. Biased; here to be compared with, never shown."""
    return float(costs[at_baseline.astype(bool)].mean() * len(costs))


def _summed(costs: Vector, draws: int) -> Interval:
    return _interval(float(costs.sum()), drawn(len(costs), draws=draws) @ costs)


def _interval(value: float, draws: Vector) -> Interval:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(value, float(low), float(high))
