"""The periods of a budget: half-open spans of UTC, cut in the budget's own zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from apps.costs.domain.calendars import QUARTER_HOUR, Unit, add_months, day_of, day_start, unit_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ROLLING_DAYS = 366
_DAY = timedelta(days=1)


class Period(StrEnum):
    CONVERSATION = "conversation"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ROLLING = "rolling"
    ONCE = "once"


ENDLESS = frozenset({Period.CONVERSATION, Period.ONCE})


class Span(msgspec.Struct, frozen=True):
    """A half-open span of time; an end of None never comes."""

    start: datetime
    end: datetime | None

    def holds(self, instant: datetime) -> bool:
        """True if the instant lies in it."""
        return self.start <= instant and (self.end is None or instant < self.end)


@dataclass(frozen=True)
class Cycle:
    """How the periods of a budget follow each other. Weeks start with Monday = 0, fiscal years with a month.

    A rolling budget has a span, and a counter, for every local day; what it may spend on a day is what the days before
    have left over (`window`).
    """

    period: Period
    timezone: str = "UTC"
    week_start: int = 0
    fiscal_start: int = 1
    rolling_days: int = 0

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone it is cut in."""
        return ZoneInfo(self.timezone)

    def span(self, instant: datetime) -> Span:
        """The one period that holds the instant."""
        if self.period in ENDLESS:
            return Span(EPOCH, None)
        return _span(self, instant - (instant - EPOCH) % QUARTER_HOUR)

    def following(self, span: Span) -> Span:
        """The period after this one; of one that never ends, itself."""
        return span if span.end is None else self.span(span.end)

    def preceding(self, span: Span) -> Span:
        """The period before this one; of one that never ends, itself."""
        return span if span.end is None else self.span(span.start - timedelta(microseconds=1))

    def window(self, span: Span) -> Span:
        """The time whose spending counts against the limit in this period: itself, or rolling days up to its end."""
        if self.period is not Period.ROLLING:
            return span
        return Span(self.window_start(span.start), span.end)

    def window_start(self, start: datetime) -> datetime:
        """Since when spending counts against the limit in the period that starts then."""
        if self.period is not Period.ROLLING:
            return start
        return day_start(day_of(start, self.zone) - (self.rolling_days - 1) * _DAY, self.zone)

    def counted_until(self, span: Span) -> datetime | None:
        """When what was spent in this period stops to count."""
        if self.period is not Period.ROLLING:
            return span.end
        return day_start(day_of(span.start, self.zone) + self.rolling_days * _DAY, self.zone)


@lru_cache(maxsize=8192)
def _span(cycle: Cycle, quarter: datetime) -> Span:
    """Every boundary is a quarter-hour of UTC, so the quarter-hour says all."""
    period, zone = cycle.period, cycle.zone
    if period is Period.HOUR:
        return _hour(quarter, zone)
    if period in (Period.QUARTER, Period.YEAR):
        return _months(quarter, zone, 3 if period is Period.QUARTER else 12, cycle.fiscal_start)
    unit = Unit(period) if period in (Period.WEEK, Period.MONTH) else Unit.DAY
    return Span(*unit_of(quarter, unit, zone, cycle.week_start))


def _months(instant: datetime, zone: ZoneInfo, length: int, fiscal_start: int) -> Span:
    first = day_of(instant, zone).replace(day=1)
    first = add_months(first, -((first.month - fiscal_start) % length))
    return Span(day_start(first, zone), day_start(add_months(first, length), zone))


def _hour(quarter: datetime, zone: ZoneInfo) -> Span:
    """The quarter-hours around it at which clocks show the same hour, with the same offset."""
    shown = _shown(quarter, zone)
    start = end = quarter
    while _shown(start - QUARTER_HOUR, zone) == shown:
        start -= QUARTER_HOUR
    while _shown(end, zone) == shown:
        end += QUARTER_HOUR
    return Span(start, end)


def _shown(instant: datetime, zone: ZoneInfo) -> tuple[date, int, timedelta | None]:
    local = instant.astimezone(zone)
    return local.date(), local.hour, local.utcoffset()


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """The names of all zones."""
    return frozenset(available_timezones())
