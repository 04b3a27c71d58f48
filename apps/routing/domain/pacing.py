"""How fast budgets are used up, which says what money weighs against quality under the strategy `balanced`.

A budget is on its pace when the share spent is the share of its period that is gone. What is left, divided by what the
rest of the period would take at the rate so far, is below 1 for one that is used too fast; the inverse is its pace.
Both odds begin with a twentieth, so that the first calls of a period say little.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

PRIOR = 0.05
SLOWEST, FASTEST = 0.25, 4.0
NOTED = 1.25
"""From this pace on, or from its inverse down, the decision says so."""


class Used(msgspec.Struct, frozen=True):
    """A budget in its present period: its limit, what is spent and held of it, and when the period began and ends."""

    name: str
    limit: Decimal
    used: Decimal
    starts_at: datetime
    ends_at: datetime | None


class Pace(msgspec.Struct, frozen=True):
    """What money weighs: 1 when the fastest of the budgets is on its pace, 4 at most, a quarter at least."""

    value: float = 1.0
    name: str = ""


STEADY = Pace()


def pace_of(budgets: Iterable[Used], now: datetime) -> Pace:
    """The pace of the budget that is used the fastest; without one that has an end, money weighs 1."""
    paces = [Pace(_pace(one, one.ends_at, now), one.name) for one in budgets if one.ends_at and one.limit > 0]
    return max(paces, key=lambda pace: pace.value, default=STEADY)


def _pace(one: Used, ends_at: datetime, now: datetime) -> float:
    gone = (now - one.starts_at) / (ends_at - one.starts_at) if ends_at > one.starts_at else 1.0
    return min(FASTEST, max(SLOWEST, _odds(float(one.used / one.limit)) / _odds(gone)))


def _odds(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return (share + PRIOR) / (1.0 - share + PRIOR)
