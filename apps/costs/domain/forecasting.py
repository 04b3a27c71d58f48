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
class Week:
    """What one of the last weeks cost, from the hour on that is running now: that hour, the hours to come, all of it.

    The hours to come, and the running one with them, are counted without whole weeks.
    """

    first: Decimal
    begun: Decimal
    whole: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """What it will have cost: the mean, and the least and the most of the weeks it was taken from."""

    usd: Decimal
    least: Decimal
    most: Decimal
    weeks: int


def part_of_week(to_come: int) -> int:
    """How many hours `begun` of a week sums up: the running one and those to come, without whole weeks."""
    return (to_come + 1) % WEEK


def forecast(so_far: Decimal, weeks: Sequence[Week], *, to_come: int, rest_of_hour: Decimal = _ZERO) -> Forecast | None:
    """The forecast for `to_come` whole hours after the one that is running, of which `rest_of_hour` is left.

    None while there are not two weeks with any spend.
    """
    known = [week for week in weeks if week.whole]
    if len(known) < FEWEST:
        return None
    times = (to_come + 1) // WEEK
    rests = [so_far + week.whole * times + week.begun - week.first * (1 - rest_of_hour) for week in known]
    return Forecast(sum(rests, _ZERO) / len(rests), min(rests), max(rests), len(rests))
