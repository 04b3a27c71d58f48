"""Fits the weights of the analyzer to outcomes: a ridge regression of the gain, with numpy.

The gain of an ask is the quality of a strong model minus that of a weak one; asks with a high gain are worth the strong
model. Predicting the gain rather than "the weak one fails" keeps hopeless asks away from dear models.

1. Columns are the named factors, a constant, and the places of the wording, each row of the latter of length 1.
2. Factors are drawn towards weights set by hand, and keep their sign: where the outcomes know nothing of a factor, as
   of failures in a conversation, it keeps the weight it had.
3. The normal equations are solved by conjugate gradients, preconditioned by their diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.routing.domain.complexity.wording import PLACES

Vector = NDArray[np.float64]
_ROUNDS = 60
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Prior:
    """Factors' weights before any outcome, how firmly they are held, and the signs they must keep (0: either)."""

    weights: Vector
    signs: Vector
    firmness: float = 200.0
    wording_penalty: float = 0.5


@dataclass(frozen=True)
class Fitted:
    """Weights of the factors and the places, and the constant."""

    factors: Vector
    places: Vector
    constant: float


class Asks:
    """The columns of all asks: factors are dense, places sparse. A place of fewer than `least` asks is left out.

    Rare places teach nothing that holds for other asks, and would fill the table so that unknown words met them.
    """

    def __init__(self, factors: Vector, places: Sequence[Sequence[int]], *, least: int) -> None:
        sizes = np.array([len(one) for one in places])
        self.factors = np.column_stack([factors, np.ones(len(factors))])
        self.columns = np.concatenate([np.array(one, np.int64) for one in places])
        self.rows = np.repeat(np.arange(len(places)), sizes)
        self.common = np.bincount(self.columns, minlength=PLACES) >= least
        self.values = np.where(self.common[self.columns], np.repeat(1.0 / np.sqrt(sizes), sizes), 0.0)

    def told(self, places: Vector, factors: Vector) -> Vector:
        """What these weights say of every ask."""
        sums = np.bincount(self.rows, self.values * places[self.columns], len(self.factors))
        return np.asarray(sums + self.factors @ factors)

    def taken_back(self, residuals: Vector) -> Vector:
        """The transposed product: places first, then factors."""
        places = np.bincount(self.columns, self.values * residuals[self.rows], PLACES)
        return np.concatenate([places, self.factors.T @ residuals])


def fit(asks: Asks, gains: Vector, importance: Vector, prior: Prior) -> Fitted:
    """Fit, and hold at 0 each factor that would turn its sign, until none does."""
    held = np.zeros(len(prior.weights), bool)
    while True:
        start = np.append(np.where(held, 0.0, prior.weights), 0.0)
        target = gains - asks.factors @ start
        penalties = np.concatenate([
            np.full(PLACES, prior.wording_penalty),
            np.where(held, 1e9, prior.firmness),
            [1e-6],
        ])  # fmt: skip
        found = _solved(asks, target, importance, penalties)
        factors = start + found[PLACES:]
        turned = ~held & (factors[:-1] * prior.signs < 0)
        if not turned.any():
            return Fitted(np.where(held, 0.0, factors[:-1]), found[:PLACES], float(factors[-1]))
        held |= turned


def told(asks: Asks, fitted: Fitted) -> Vector:
    """The predicted gain of every ask."""
    return asks.told(fitted.places, np.append(fitted.factors, fitted.constant))


def _solved(asks: Asks, target: Vector, importance: Vector, penalties: Vector) -> Vector:
    squares = np.concatenate([
        np.bincount(asks.columns, asks.values**2 * importance[asks.rows], PLACES),
        (importance[:, None] * asks.factors**2).sum(0),
    ])  # fmt: skip
    scale = 1.0 / (penalties + squares)
    weights = np.zeros(len(penalties))
    residual = asks.taken_back(importance * target)
    conditioned = scale * residual
    direction = conditioned.copy()
    first = size = float(residual @ conditioned)
    for _ in range(_ROUNDS):
        if size <= _TOLERANCE * first:
            break
        ahead = asks.taken_back(importance * asks.told(direction[:PLACES], direction[PLACES:])) + penalties * direction
        step = size / float(direction @ ahead)
        weights += step * direction
        residual -= step * ahead
        conditioned = scale * residual
        new_size = float(residual @ conditioned)
        direction = conditioned + (new_size / size) * direction
        size = new_size
    return weights
