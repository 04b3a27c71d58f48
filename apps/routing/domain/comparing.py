"""Two shares of two groups of calls or tasks, with the intervals that say how sure their difference is."""

import math
from dataclasses import dataclass
from typing import Literal

from apps.routing.domain.quality.bounds import wilson_lower

ONE_SIDE = 0.975
"""Both sides together leave 5 %."""
Verdict = Literal["higher", "lower", "no_difference_seen", "too_few"]
LEAST = 20
"""With fewer on either side nothing is said of the difference."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n`."""

    count: int
    n: int

    @property
    def value(self) -> float | None:
        """The share itself; None of nothing."""
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval; None of nothing."""
        if not self.n:
            return None
        lower = wilson_lower(self.count, self.n, confidence=ONE_SIDE)
        return lower, 1 - wilson_lower(self.n - self.count, self.n, confidence=ONE_SIDE)


@dataclass(frozen=True, slots=True)
class Difference:
    """A share less another one: the value, its 95 % interval, and what that says."""

    value: float | None
    interval: tuple[float, float] | None
    verdict: Verdict


def difference(one: Share, other: Share) -> Difference:
    """`one` less `other`, with Newcombe's interval from the two of Wilson (method 10, 1998)."""
    if one.value is None or other.value is None or one.interval is None or other.interval is None:
        return Difference(None, None, "too_few")
    value = one.value - other.value
    low = value - math.hypot(one.value - one.interval[0], other.interval[1] - other.value)
    high = value + math.hypot(one.interval[1] - one.value, other.value - other.interval[0])
    if min(one.n, other.n) < LEAST:
        return Difference(value, (low, high), "too_few")
    return Difference(value, (low, high), "higher" if low > 0 else "lower" if high < 0 else "no_difference_seen")
