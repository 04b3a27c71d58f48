"""Calendar months in addresses: "2026-11"."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from apps.costs.domain.calendars import add_months, day_of, day_start
from apps.costs.domain.periods import EARLIEST

_TEXT = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of a zone."""

    first: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return day_start(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it, in UTC."""
        return day_start(add_months(self.first, 1), self.zone)

    @property
    def name(self) -> str:
        """As people write it: "November 2026"."""
        return f"{self.first:%B %Y}"

    @property
    def key(self) -> str:
        """As addresses write it: "2026-11"."""
        return f"{self.first:%Y-%m}"

    def moved(self, months: int) -> "Month":
        """So many months later, or earlier."""
        return Month(add_months(self.first, months), self.zone)


def month_of(text: str, zone: ZoneInfo) -> Month | None:
    """The month an address names; None if it names none that can have usage."""
    found = _TEXT.fullmatch(text)
    if found is None or found[1] == "0000":
        return None
    first = date(int(found[1]), int(found[2]), 1)
    return Month(first, zone) if EARLIEST <= first < date(2100, 1, 1) else None


def running_month(now: datetime, zone: ZoneInfo) -> Month:
    """The month that holds the instant."""
    return Month(day_of(now, zone).replace(day=1), zone)
