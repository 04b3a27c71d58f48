"""Models that do as well as the one in use for less: advice before any routing."""

from dataclasses import dataclass

from apps.routing.domain.replay.intervals import Interval, ratio
from apps.routing.domain.replay.table import Outcomes

MARGIN = 0.02
"""Quality that may be lost and still be called the same."""
LEAST_TASKS = 30
LEAST_SAVING = 0.05


@dataclass(frozen=True, slots=True)
class Advice:
    """Another model on the same tasks: its quality relative to the one in use, and the share of cost it saves.

    `is_sure` says that even at the unlucky end of its interval the quality is no more than `MARGIN` less.
    """

    model: str
    quality: Interval
    saving: Interval
    tasks: int
    is_sure: bool

    def words(self, used: str) -> str:
        """One sentence for a person."""
        sure = "" if self.is_sure else f", though {1 - self.quality.low:.0%} less cannot be ruled out"
        same = f"{self.model} would give {self.quality.value:.1%} of the success of {used}"
        return (
            f"{same} for {self.saving.value:.0%} less"
            f" ({self.saving.low:.0%} to {self.saving.high:.0%}, {self.tasks} tasks){sure}."
        )


def cheaper_as_good(outcomes: Outcomes, used: str, *, draws: int = 1_000) -> list[Advice]:
    """Models with about the quality of the one in use at clearly less cost, the most saving first.

    Too few tasks, or none that the used model did, and there is no advice.
    """
    column = outcomes.index(used)
    if len(outcomes.keys) < LEAST_TASKS or not outcomes.quality[:, column].any() or not outcomes.cost[:, column].any():
        return []
    found = []
    for other, name in enumerate(outcomes.models):
        if other == column:
            continue
        quality = ratio(outcomes.quality[:, other], outcomes.quality[:, column], draws=draws)
        share = ratio(outcomes.cost[:, other], outcomes.cost[:, column], draws=draws)
        saving = Interval(1 - share.value, 1 - share.high, 1 - share.low)
        if quality.value >= 1 - MARGIN and saving.low >= LEAST_SAVING:
            found.append(Advice(name, quality, saving, len(outcomes.keys), quality.low >= 1 - MARGIN))
    return sorted(found, key=lambda advice: (-advice.saving.value, advice.model))
