"""What outcomes are worth: tests more than people, people more than judges, and old ones less than new ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from apps.costs.domain.kinds import OutcomeSource

HALF_LIFE_DAYS = 45.0
"""Days after which an outcome counts half: models change behind their names."""
LEFT = 0
"""The source of what nobody said: the model was left for another one before the task ended."""
RELIABILITY: Mapping[int, float] = {
    OutcomeSource.TESTS: 1.0,
    OutcomeSource.USER: 0.8,
    OutcomeSource.JUDGE: 0.5,
    OutcomeSource.AGENT: 0.4,
    LEFT: 0.3,
}


@dataclass(frozen=True, slots=True)
class Observed:
    """Outcomes of one model at one task type by one source, so many days old: how many, and the sum of their values.

    A value is 1 for success, 0 for failure, or a quality between.
    """

    task_type: str
    source: int
    age_days: float
    count: int
    total: float
    cohort: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Weighed outcomes: `n` is how many there were, `n_eff` how many new ones by tests they are worth."""

    n: int = 0
    n_eff: float = 0.0
    successes: float = 0.0

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(self.n + other.n, self.n_eff + other.n_eff, self.successes + other.successes)

    def without(self, other: "Evidence") -> "Evidence":
        """The rest, once a part is taken out."""
        return Evidence(
            self.n - other.n, max(0.0, self.n_eff - other.n_eff), max(0.0, self.successes - other.successes)
        )


def gathered(observed: Iterable[Observed], *, half_life_days: float = HALF_LIFE_DAYS) -> Evidence:
    """Add outcomes up, each by its source's reliability and its age."""
    found = Evidence()
    for one in observed:
        weight = RELIABILITY[one.source] * 0.5 ** (max(0.0, one.age_days) / half_life_days)
        found += Evidence(one.count, weight * one.count, weight * min(max(0.0, one.total), one.count))
    return found


def observed_of(task_type: str, source: int, age_days: int, count: int, total: Decimal) -> Observed:
    """Outcomes as the books tell them."""
    return Observed(task_type, source, float(age_days), count, float(total))
