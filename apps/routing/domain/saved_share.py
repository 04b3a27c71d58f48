"""How sure a share saved is, from days: they are drawn again, each with both of its sides.

Few days drawn again differ less than the days there might have been: of 7 the plain middle 95 % holds the truth in 87 %
of histories. So the ends lie further out by what Student's distribution is wider than the normal one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from .replay.intervals import ratio

LEAST_DAYS = 7
_NORMAL = 1.959963984540054
_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval by days drawn again; the ends are None with too few days."""

    value: Decimal
    low: Decimal | None
    high: Decimal | None
    days: int


def share_saved(days: Sequence[tuple[int, int]]) -> Share | None:
    """What was saved of the baseline's cost; `days` are (paid, at the baseline) in femto-dollars.

    None where the baseline would have cost nothing.
    """
    paid, baseline = sum(day[0] for day in days), sum(day[1] for day in days)
    if baseline <= 0:
        return None
    value = (1 - Decimal(paid) / Decimal(baseline)).quantize(_STEP)
    told = [day for day in days if day != (0, 0)]
    if len(told) < LEAST_DAYS:
        return Share(value, None, None, len(told))
    found = ratio(np.array([day[0] for day in told], float), np.array([day[1] for day in told], float))
    wider = _wider(len(told))
    low, high = found.value - wider * (found.value - found.low), found.value + wider * (found.high - found.value)
    return Share(value, _share(1 - high), _share(1 - low), len(told))


def _wider(days: int) -> float:
    """How much further out the ends lie: Student's quantile of 97.5 % ÷ the normal one, × √(n ÷ (n − 1))."""
    z, freedom = _NORMAL, days - 1
    student = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    student += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    return student / z * math.sqrt(days / freedom)


def _share(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP)
