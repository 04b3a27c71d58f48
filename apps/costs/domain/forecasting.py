"""What a running period will have cost at its end, from what the same hours of the last weeks cost. Pure.

Forecast = spend so far + the mean, over the last four weeks, of what the hours still to come cost in them: an hour
takes its cost from the same hour of the week. The range is that of the four weeks. No model, no smoothing: a person
can check it with the numbers of Explore.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.costs.domain.anomalies import WEEK

WEEKS = 4
FEWEST = 2
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What it will have cost: the mean, and the least and the most of the weeks it was taken from."""

    usd: Decimal
    least: Decimal
    most: Decimal
    weeks: int


def forecast(
    so_far: Decimal, hours: Sequence[Decimal], *, to_come: int, rest_of_hour: Decimal = _ZERO
) -> Forecast | None:
    """The forecast for `to_come` whole hours after the last of `hours` (consecutive, oldest first, all over).

    The hour that is running comes between them: `rest_of_hour` is the part of it that is left. None while there are
    not two whole weeks with any spend.
    """
    weeks = min(len(hours) // WEEK, WEEKS)
    known = [hours[len(hours) - WEEK * (week + 1) : len(hours) - WEEK * week] for week in range(weeks)]
    known = [week for week in known if any(week)]
    if len(known) < FEWEST:
        return None
    whole, part = divmod(to_come + 1, WEEK)
    rests = []
    for week in known:
        # The first hour of the week is the one that is running now.
        total = sum(week, _ZERO) * whole + sum(week[:part], _ZERO)
        rests.append(so_far + total - week[0] * (1 - rest_of_hour))
    return Forecast(sum(rests, _ZERO) / len(rests), min(rests), max(rests), len(rests))
