"""How a strategy's advice does on tasks it was not chosen on: over many ways to halve them."""

from collections import Counter
from dataclasses import dataclass
from statistics import mean

from apps.routing.domain.replay.advising import Strategy, advise
from apps.routing.domain.replay.ladders import Verifier, climb
from apps.routing.domain.replay.table import Outcomes, half_of

SPLITS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """A ladder on the half it was not chosen on, relative to a single model: quality, and the share of cost saved.

    `single` is the best model of the half it was chosen on, which is what could be known; `hindsight` the best of the
    half it is measured on, which nobody could.
    """

    ladder: tuple[str, ...]
    quality: float
    saving: float
    hindsight_quality: float
    hindsight_saving: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over all splits, and the worst of them."""

    quality: float
    saving: float
    worst_quality: float
    least_saving: float
    hindsight_quality: float
    hindsight_saving: float
    usual_ladder: tuple[str, ...]


def across_splits(
    outcomes: Outcomes, strategy: Strategy, verifier: Verifier, *, splits: int = SPLITS
) -> list[Measured]:
    """Choose on one half, by a hash of the tasks' keys, and measure on the other, so many times."""
    found = []
    for split in range(splits):
        chosen_on = half_of(outcomes.keys, split=split)
        if chosen_on.all() or not chosen_on.any():
            raise ValueError("there are too few rows to halve")
        found.append(_measured(outcomes.only(chosen_on), outcomes.only(~chosen_on), strategy, verifier))
    return found


def summary_of(measured: list[Measured]) -> Summary:
    """What a table shows."""
    usual, _ = Counter(one.ladder for one in measured).most_common(1)[0]
    return Summary(
        mean(one.quality for one in measured),
        mean(one.saving for one in measured),
        min(one.quality for one in measured),
        min(one.saving for one in measured),
        mean(one.hindsight_quality for one in measured),
        mean(one.hindsight_saving for one in measured),
        usual,
    )


def _measured(known: Outcomes, unseen: Outcomes, strategy: Strategy, verifier: Verifier) -> Measured:
    ladder = advise(known, strategy, verifier)
    replayed = climb(unseen, ladder.steps, verifier)
    quality, cost = unseen.quality.mean(0), unseen.cost.mean(0)
    reached, paid = float(replayed.quality.mean()), float(replayed.cost.mean())
    return Measured(
        tuple(unseen.models[step] for step in ladder.steps),
        reached / float(quality[ladder.single]),
        1 - paid / float(cost[ladder.single]),
        reached / float(quality[unseen.best]),
        1 - paid / float(cost[unseen.best]),
    )
