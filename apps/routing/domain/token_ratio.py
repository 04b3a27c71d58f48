"""How many tokens the baseline's model takes for a kind of task, beside what others took: the correction of a saving.

Tasks are compared within strata of equal difficulty, since what stays with a model is not the average task: in each,
the mean cost of the baseline's tasks ÷ that of the others', both valued at the baseline's price: only tokens count.
Strata are weighed by what the others' tasks came to. A stratum needs `LEAST_TASKS` on both sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from .replay.table import Vector

LEAST_TASKS = 20
DRAWS = 500
_STEP = Decimal("0.0001")


@dataclass(slots=True)
class Stratum:
    """Tasks of one kind and difficulty, each by its cost at the baseline's price in femto-dollars."""

    baseline: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        return min(len(self.baseline), len(self.others)) >= LEAST_TASKS and sum(self.others) > 0


@dataclass(frozen=True, slots=True)
class TokenRatio:
    """The factor with its 95 % interval, the tasks of both sides, and the share of the others' cost it is about."""

    value: Decimal
    low: Decimal
    high: Decimal
    baseline_tasks: int
    other_tasks: int
    coverage: Decimal


def token_ratio(strata: Mapping[str, Stratum]) -> TokenRatio | None:
    """The ratio of one kind of task over its strata of difficulty; None where no stratum has enough tasks."""
    known = [one for _, one in sorted(strata.items()) if one.is_known]
    if not known:
        return None
    weights = np.array([sum(one.others) for one in known], float)
    whole = sum(sum(one.others) for one in strata.values())
    values = np.array([[_mean(one.baseline) / _mean(one.others)] for one in known])
    generator = np.random.default_rng(0)
    drawn = np.array([_means(one.baseline, generator) / _means(one.others, generator) for one in known])
    low, high = np.percentile(_weighed(drawn, weights), [2.5, 97.5])
    return TokenRatio(
        _plain(float(_weighed(values, weights)[0])),
        _plain(float(low)),
        _plain(float(high)),
        sum(len(one.baseline) for one in known),
        sum(len(one.others) for one in known),
        _plain(float(weights.sum()) / whole),
    )


def _mean(costs: Sequence[int]) -> float:
    return sum(costs) / len(costs)


def _means(costs: Sequence[int], generator: np.random.Generator) -> Vector:
    """The means of tasks drawn again; kept above 0, as a ratio needs."""
    values = np.array(costs, float)
    picked = generator.integers(0, len(values), (DRAWS, len(values)))
    return np.asarray(np.maximum(values[picked].mean(1), 1.0))


def _weighed(ratios: Vector, weights: Vector) -> Vector:
    """The mean over strata, a row each."""
    return np.asarray((weights @ ratios) / weights.sum())


def _plain(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP)
