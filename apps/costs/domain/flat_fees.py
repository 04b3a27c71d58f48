"""Flat fees: a fee a month or a year, spread evenly over the instants of each of its periods.

A period runs from its first local day to the same day of the next month or year, so that it may be an hour longer or
shorter where clocks change; its fee is the same. Amounts are differences of one running sum in whole femto-dollars:
whatever cuts a period into pieces, the pieces add up to the fee to the last digit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from .calendars import add_months, day_of, day_start

Every = Literal["month", "year"]
MONTHS: dict[Every, int] = {"month": 1, "year": 12}
Stretch = tuple[datetime, datetime | None]
"""Half-open; None is no end."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FlatFee:
    """A fee in femto-dollars for every period from the first local day on; `last` day is included, None is no end."""

    fee: int
    every: Every
    first: date
    last: date | None
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """The first instant."""
        return day_start(self.first, self.zone)

    @property
    def end(self) -> datetime | None:
        """The first instant after it."""
        return day_start(self.last + timedelta(days=1), self.zone) if self.last else None

    def period(self, number: int) -> tuple[datetime, datetime]:
        """The half-open period with a number, the first is 0."""
        step = MONTHS[self.every]
        days = (add_months(self.first, step * number), add_months(self.first, step * (number + 1)))
        return day_start(days[0], self.zone), day_start(days[1], self.zone)

    def between(self, start: datetime, end: datetime) -> int:
        """What it costs in [start, end), in femto-dollars."""
        return max(0, self._until(end) - self._until(start))

    def _until(self, moment: datetime) -> int:
        """What it cost from its beginning to an instant, rounded down."""
        if self.end is not None and moment > self.end:
            moment = self.end
        if moment <= self.start:
            return 0
        number = self._number(moment)
        begins, ends = self.period(number)
        return self.fee * number + self.fee * ((moment - begins) // _MICROSECOND) // ((ends - begins) // _MICROSECOND)

    def _number(self, moment: datetime) -> int:
        """The number of the period that holds an instant."""
        day = day_of(moment, self.zone)
        months = (day.year - self.first.year) * 12 + day.month - self.first.month
        number = months // MONTHS[self.every]
        # A month that is too short for the first day ends its period early; the day before it belongs to the last one.
        while self.period(number)[0] > moment:
            number -= 1
        while self.period(number)[1] <= moment:
            number += 1
        return number


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same instants in stretches that neither overlap nor touch, in order."""
    found: list[Stretch] = []
    for start, end in sorted(stretches, key=lambda one: one[0]):
        last = found[-1] if found else None
        if last and (last[1] is None or start <= last[1]):
            ends = None if last[1] is None or end is None else max(last[1], end)
            found[-1] = (last[0], ends)
        else:
            found.append((start, end))
    return found
