"""Models that another one dominates, with how sure the same success is."""

from dataclasses import dataclass
from datetime import datetime

from apps.routing.domain.predicting import Compared, compared
from apps.routing.selectors.dominance import Advice, dominated


@dataclass(frozen=True, slots=True)
class Advised:
    """One advice, and the success of both models over the same calls with the interval of their difference."""

    advice: Advice
    success: Compared

    @property
    def here(self) -> str:
        """The model in use."""
        return "/".join(self.advice.model)

    @property
    def there(self) -> str:
        """The model to take instead."""
        return "/".join(self.advice.better)


def advised(*, now: datetime, project_ids: frozenset[int] | None, most: int) -> list[Advised]:
    """By task type and model the one that saves most over 30 days, largest saving first."""
    found = []
    for one in dominated(now=now, project_ids=project_ids)[:most]:
        known = {"here": one.quality, "there": one.better_quality}
        success = compared({("here", "there"): one.calls}, known)
        if success is not None:
            found.append(Advised(one, success))
    return found
