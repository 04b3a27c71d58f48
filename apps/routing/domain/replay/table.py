"""Tasks and models: how well each model did each task, and what that cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
FEMTO = 1e15


@dataclass(frozen=True)
class Outcomes:
    """One row a task, one column a model: quality between 0 and 1, cost in USD."""

    keys: tuple[str, ...]
    models: tuple[str, ...]
    quality: Vector
    cost: Vector

    def only(self, rows: Mask) -> "Outcomes":
        """Some of the tasks."""
        keys = tuple(key for key, chosen in zip(self.keys, rows, strict=True) if chosen)
        return Outcomes(keys, self.models, self.quality[rows], self.cost[rows])

    def index(self, model: str) -> int:
        """The column of a model."""
        return self.models.index(model)

    @property
    def best(self) -> int:
        """The model with the highest quality; among equals the cheapest."""
        order = np.lexsort((self.cost.mean(0), -self.quality.mean(0)))
        return int(order[0])

    def undominated(self) -> list[int]:
        """Models that no other one beats in quality without costing more, the cheapest first."""
        quality, cost = self.quality.mean(0), self.cost.mean(0)
        kept: list[int] = []
        for model in np.lexsort((-quality, cost)):
            if not kept or quality[model] > quality[kept[-1]]:
                kept.append(int(model))
        return kept


def outcomes_of(rows: Iterable[Mapping[str, Any]]) -> Outcomes:
    """Rows {key, models: {name: {q, c}}} as a table of the models that all of them have."""
    listed = list(rows)
    if not listed:
        raise ValueError("there are no rows to replay")
    names: Sequence[str] = sorted(set.intersection(*(set(row["models"]) for row in listed)))
    if not names:
        raise ValueError("the rows share no model")
    cells = [[(row["models"][name]["q"], row["models"][name]["c"]) for name in names] for row in listed]
    quality, cost = np.moveaxis(np.array(cells, float), 2, 0)
    return Outcomes(tuple(str(row["key"]) for row in listed), tuple(names), quality, cost)


def expected_outcomes(keys: Sequence[str], models: Mapping[str, tuple[float, Sequence[int]]]) -> Outcomes:
    """A table of chances: for each model its chance of success, and every task's cost in femto-dollars."""
    chances = np.array([chance for chance, _ in models.values()])
    costs = np.array([costs for _, costs in models.values()], float).T / FEMTO
    return Outcomes(tuple(keys), tuple(models), np.tile(chances, (len(keys), 1)), costs)


def half_of(keys: Sequence[str], *, split: int) -> Mask:
    """One half of the tasks, by a hash of their keys: the same for every run, another for every split."""
    return np.array([sha256(f"{split}:{key}".encode()).digest()[0] & 1 for key in keys], bool)
