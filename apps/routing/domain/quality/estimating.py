"""The chance of success of one model: for all its tasks, for a task type, for a cohort of a task type.

Each level is a Beta distribution. Its prior is the level above, without the outcomes it has itself, worth at most
`PRIOR_MASS` outcomes; the topmost prior is a half, worth two. So a level with few outcomes is near the level above, one
with many stands by itself, and no outcome counts twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from apps.routing.domain.candidates import KNOWN_FROM, Quality
from apps.routing.domain.quality.bounds import beta_quantile
from apps.routing.domain.quality.evidence import HALF_LIFE_DAYS, Evidence, Observed, gathered

PRIOR_MASS = 25.0
LOWER = 0.05
"""The lower bound is the value that the quality exceeds with a chance of 95 %."""
_TOP_MEAN, _TOP_MASS = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean, its lower bound, and on how many outcomes of this very level they stand."""

    mean: float
    lower: float
    n: int
    n_eff: float

    @property
    def is_known(self) -> bool:
        return self.n >= KNOWN_FROM


@dataclass(frozen=True, slots=True)
class _Belief:
    mean: float
    mass: float

    def told(self, evidence: Evidence) -> "_Belief":
        mass = self.mass + evidence.n_eff
        return _Belief((self.mean * self.mass + evidence.successes) / mass, mass)

    def as_prior(self) -> "_Belief":
        return _Belief(self.mean, min(PRIOR_MASS, self.mass))


_TOP = _Belief(_TOP_MEAN, _TOP_MASS)


def estimate(
    observed: Iterable[Observed],
    task_type: str | None = None,
    cohort: str | None = None,
    *,
    half_life_days: float = HALF_LIFE_DAYS,
) -> Estimate:
    """What all outcomes of one model say of a level: no task type means all of them, no cohort the whole task type."""
    all_observed = list(observed)
    levels = [all_observed]
    if task_type is not None:
        levels.append([one for one in all_observed if one.task_type == task_type])
        if cohort is not None:
            levels.append([one for one in levels[-1] if one.cohort == cohort])
    evidence = [gathered(level, half_life_days=half_life_days) for level in levels]
    belief = _TOP
    for above, own in zip(evidence, evidence[1:], strict=False):
        belief = belief.told(above.without(own)).as_prior()
    return _estimate(belief.told(evidence[-1]), evidence[-1])


def _estimate(belief: _Belief, own: Evidence) -> Estimate:
    alpha, beta = belief.mean * belief.mass, (1 - belief.mean) * belief.mass
    lower = beta_quantile(LOWER, max(alpha, 1e-6), max(beta, 1e-6))
    return Estimate(belief.mean, min(lower, belief.mean), own.n, own.n_eff)


def stored(share: float) -> Decimal:
    """A share or an effective count as it is stored, to six decimals."""
    return Decimal(repr(share)).quantize(Decimal("0.000001"))


def quality_of(mean: Decimal, lower: Decimal, n: int) -> Quality:
    """A stored estimate as selection takes it."""
    return Quality(float(mean), float(lower), n)
