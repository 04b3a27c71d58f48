"""Which ladder to recommend: a strategy's best among those that climb from cheaper to dearer models.

Only models that no other dominates take part, so there are few ladders and little room for luck. The measure is the
best single model of the tasks the ladder is chosen on.

- `cost_optimized`: the lowest cost at nearly its quality.
- `balanced`: the highest quality for less than half of its cost.
- `quality_first`: the highest quality that costs clearly less.

No strategy takes a ladder of clearly less quality; where none fits into its share of the cost, the cheapest good one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from apps.routing.domain.replay.ladders import Verifier, climb
from apps.routing.domain.replay.table import Outcomes

Strategy = Literal["cost_optimized", "balanced", "quality_first"]
MOST_STEPS = 4
# The share of the best single model's cost that a ladder may take, with room for tasks it was not chosen on.
MOST_COST: dict[Strategy, float] = {"quality_first": 0.85, "balanced": 0.45}
LEAST_QUALITY = 0.97


@dataclass(frozen=True, slots=True)
class Ladder:
    """Columns of models, the cheapest first, and the best single model it is compared with."""

    steps: tuple[int, ...]
    single: int


def advise(outcomes: Outcomes, strategy: Strategy, verifier: Verifier) -> Ladder:
    """The ladder a strategy recommends for such tasks; the best single model alone when nothing is better."""
    single = outcomes.best
    quality, cost = float(outcomes.quality[:, single].mean()), float(outcomes.cost[:, single].mean())
    good: list[tuple[float, float, tuple[int, ...]]] = []
    for steps in _ladders(outcomes):
        replayed = climb(outcomes, steps, verifier)
        reached, paid = float(replayed.quality.mean()), float(replayed.cost.mean())
        if reached >= LEAST_QUALITY * quality and paid <= cost:
            good.append((paid, -reached, steps))
    if not good:
        return Ladder((single,), single)
    most = MOST_COST.get(strategy, 0.0) * cost
    affordable = [(reached, paid, steps) for paid, reached, steps in good if paid <= most]
    return Ladder(min(affordable or good)[2], single)


def _ladders(outcomes: Outcomes) -> Iterator[tuple[int, ...]]:
    models = outcomes.undominated()
    for steps in range(1, MOST_STEPS + 1):
        yield from combinations(models, steps)
