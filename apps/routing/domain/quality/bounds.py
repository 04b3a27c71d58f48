"""Lower bounds of a share: from a Beta distribution, and Wilson's from a plain count."""

import math
from statistics import NormalDist

_ROUNDS = 200
_HALVINGS = 60
_TINY = 1e-300


def wilson_lower(successes: float, trials: float, *, confidence: float = 0.95) -> float:
    """The one-sided lower bound of a share by Wilson's score; 0 without trials. Counts may be weighted sums."""
    if trials <= 0:
        return 0.0
    z = NormalDist().inv_cdf(confidence)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    margin = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - margin) / (1 + z * z / trials))


def beta_quantile(probability: float, alpha: float, beta: float) -> float:
    """Where the distribution Beta(alpha, beta) has this probability below it."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if beta_cumulative(middle, alpha, beta) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cumulative(x: float, alpha: float, beta: float) -> float:
    """The regularised incomplete beta function, by its continued fraction on the side where that converges fast."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (alpha + 1) / (alpha + beta + 2):
        return 1.0 - beta_cumulative(1 - x, beta, alpha)
    log_front = alpha * math.log(x) + beta * math.log1p(-x)
    log_front += math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
    return math.exp(log_front) * _fraction(x, alpha, beta) / alpha


def _fraction(x: float, alpha: float, beta: float) -> float:
    """Lentz's method: numerator and denominator step by step, kept away from 0."""
    above, below = 1.0, _away(1.0 - (alpha + beta) * x / (alpha + 1))
    below = 1.0 / below
    value = below
    for m in range(1, _ROUNDS):
        even = m * (beta - m) * x / ((alpha + 2 * m - 1) * (alpha + 2 * m))
        odd = -(alpha + m) * (alpha + beta + m) * x / ((alpha + 2 * m) * (alpha + 2 * m + 1))
        for step in (even, odd):
            below = 1.0 / _away(1.0 + step * below)
            above = _away(1.0 + step / above)
            change = above * below
            value *= change
        if abs(change - 1.0) < 1e-12:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
