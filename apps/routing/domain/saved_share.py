"""How sure a share saved is, from days: they are drawn again, each with both of its sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from .replay.intervals import ratio

LEAST_DAYS = 7
_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Share:
    """A share with the middle 95 % of what it is over days drawn again; the ends are None with too few days."""

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
    return Share(value, _share(1 - found.high), _share(1 - found.low), len(told))


def _share(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP)
