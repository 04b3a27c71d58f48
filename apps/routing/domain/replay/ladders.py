"""Escalation: models tried one after the other until a verifier is content, or none is left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.routing.domain.replay.table import Outcomes, Vector


@dataclass(frozen=True, slots=True)
class Verifier:
    """How well an answer's failure is noticed: the share of failures it catches, and of successes it doubts."""

    sensitivity: float = 1.0
    false_alarm: float = 0.0


TRUE_VERIFIER = Verifier()


@dataclass(frozen=True)
class Replayed:
    """Expected quality and cost of each task."""

    quality: Vector
    cost: Vector


def climb(outcomes: Outcomes, ladder: Sequence[int], verifier: Verifier) -> Replayed:
    """What a ladder would have achieved and cost.

    Every attempt is paid. An answer that the verifier accepts is final, the last one in any case. A quality between 0
    and 1 is the share of runs that succeed. Whether the verifier errs is independent of the task, given success.
    """
    reached = np.ones(len(outcomes.keys))
    quality, cost = np.zeros(len(reached)), np.zeros(len(reached))
    for step, model in enumerate(ladder):
        success = outcomes.quality[:, model]
        kept, slipped = 1.0 - verifier.false_alarm, 1.0 - verifier.sensitivity
        if step == len(ladder) - 1:
            kept = slipped = 1.0
        cost += reached * outcomes.cost[:, model]
        quality += reached * success * kept
        reached = reached * (success * (1.0 - kept) + (1.0 - success) * (1.0 - slipped))
    return Replayed(quality, cost)
