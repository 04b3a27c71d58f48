"""The period a page shows, what it is compared with, and the pieces it is cut into. Pure: the clock is an argument.

A choice is what the address of a page says; resolved at an instant it becomes a period, two instants in UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache, cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from apps.costs.domain.calendars import (
    MONDAY,
    QUARTER_HOUR,
    Unit,
    add_months,
    cut,
    day_name,
    day_of,
    day_start,
    instant_of,
    wall_of,
)

MOST_POINTS = 120
MOST_DAYS = 3600
EARLIEST = date(2000, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_WEEKS_OF_A_YEAR = 364


class Preset(StrEnum):
    """The periods with a name. Days include today, so the last one is usually a part."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    HOURS_24 = "24h"
    DAYS_7 = "7d"
    DAYS_30 = "30d"
    MONTH_TO_DATE = "mtd"
    LAST_MONTH = "last_month"
    CUSTOM = "custom"


class Compare(StrEnum):
    """What a period is compared with; `WEEKDAY` is the nearest earlier span with the same days of the week."""

    WEEKDAY = "weekday"
    PREVIOUS = "previous"
    YEAR = "year"
    NONE = "none"


LABELS = {
    Preset.TODAY: "Today",
    Preset.YESTERDAY: "Yesterday",
    Preset.HOURS_24: "Last 24 hours",
    Preset.DAYS_7: "Last 7 days",
    Preset.DAYS_30: "Last 30 days",
    Preset.MONTH_TO_DATE: "Month to date",
    Preset.LAST_MONTH: "Last month",
}
_CHART_UNITS = (Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH)
K = TypeVar("K", bound=StrEnum)
_MONTHLY = (Preset.MONTH_TO_DATE, Preset.LAST_MONTH)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open interval of UTC instants."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address of a page says about time. `last` is included; both days are set for custom periods only."""

    zone: ZoneInfo
    preset: Preset = Preset.DAYS_30
    first: date | None = None
    last: date | None = None
    compare: Compare = Compare.WEEKDAY
    unit: Unit | None = None
    week_start: int = MONDAY

    def pairs(self, default_zone: ZoneInfo) -> list[tuple[str, str]]:
        """The query string in canonical order; what is default is left out."""
        custom = self.preset is Preset.CUSTOM
        values = {
            "period": "" if custom or self.preset is Preset.DAYS_30 else self.preset.value,
            "from": self.first.isoformat() if custom and self.first else "",
            "to": self.last.isoformat() if custom and self.last else "",
            "tz": "" if self.zone.key == default_zone.key else self.zone.key,
            "compare": "" if self.compare is Compare.WEEKDAY else self.compare.value,
            "interval": self.unit.value if self.unit else "",
        }
        return [(name, value) for name, value in values.items() if value]

    def at(self, now: datetime) -> "Period":
        """The period this choice means at an instant."""
        first, last = _days(self, day_of(now, self.zone))
        if self.preset is Preset.HOURS_24:
            end = _next_hour(now, self.zone)
            return Period(self, Span(end - _DAY, end), first, last, now)
        return Period(self, Span(day_start(first, self.zone), day_start(last + _DAY, self.zone)), first, last, now)


def _days(choice: Choice, today: date) -> tuple[date, date]:
    """The first and the last day, both included."""
    yesterday = today - _DAY
    match choice.preset:
        case Preset.TODAY:
            return today, today
        case Preset.YESTERDAY:
            return yesterday, yesterday
        case Preset.HOURS_24:
            return yesterday, today
        case Preset.DAYS_7:
            return today - 6 * _DAY, today
        case Preset.MONTH_TO_DATE:
            return today.replace(day=1), today
        case Preset.LAST_MONTH:
            last = today.replace(day=1) - _DAY
            return last.replace(day=1), last
    if choice.preset is Preset.CUSTOM and choice.first and choice.last:
        return choice.first, choice.last
    return today - 29 * _DAY, today


def _next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    wall = wall_of(now, zone).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return instant_of(wall, zone)


@dataclass(frozen=True)
class Period:
    """A choice resolved at an instant: two instants in UTC, and the local days `first` to `last`, both included."""

    choice: Choice
    span: Span
    first: date
    last: date
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The zone its days are cut in."""
        return self.choice.zone

    @property
    def is_partial(self) -> bool:
        """True while the period is still running."""
        return self.span.start <= self.now < self.span.end

    @property
    def label(self) -> str:
        """Its name: "Last 30 days", or its days for a custom one."""
        return LABELS.get(self.choice.preset) or days_words(self.first, self.last)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The lengths it can be cut into with at most 120 points and more than one."""
        return tuple(unit for unit in _CHART_UNITS if 1 < self._points(unit) <= MOST_POINTS)

    @cached_property
    def unit(self) -> Unit:
        """The chosen length of its pieces where that is possible, else the fitting one."""
        if self.choice.unit in self.units:
            return self.choice.unit
        days = (self.last - self.first).days + 1
        fitting = Unit.HOUR if days <= 2 else Unit.DAY if days <= 92 else Unit.WEEK if days <= 730 else Unit.MONTH
        return fitting if fitting in self.units else self.units[0]

    @cached_property
    def pieces(self) -> list[datetime]:
        """The starts of its pieces, then its end."""
        return cut(self.span.start, self.span.end, self.unit, self.zone, self.choice.week_start)

    @property
    def running_piece(self) -> int | None:
        """The index of the piece that holds `now`."""
        inside = (index for index, end in enumerate(self.pieces[1:]) if self.pieces[index] <= self.now < end)
        return next(inside, None)

    def _points(self, unit: Unit) -> int:
        hours = (self.span.end - self.span.start) / timedelta(hours=1)
        if unit is Unit.HOUR and hours > MOST_POINTS + 2:
            return MOST_POINTS + 1
        return len(cut(self.span.start, self.span.end, unit, self.zone, self.choice.week_start)) - 1

    def shifted(self, steps: int) -> Choice:
        """The choice for the period so many lengths later (negative: earlier); whole months move by months."""
        if self.choice.preset in _MONTHLY:
            first = add_months(self.first, steps)
            last = add_months(first, 1) - _DAY
        else:
            length = self.last - self.first + _DAY if self.choice.preset is not Preset.HOURS_24 else _DAY
            first, last = self.first + steps * length, self.last + steps * length
        first, last = max(first, EARLIEST), max(last, EARLIEST)
        return replace(self.choice, preset=Preset.CUSTOM, first=first, last=last)


@dataclass(frozen=True)
class Comparison:
    """A period beside an earlier one. While the period runs, both are compared only up to the same elapsed part."""

    current: Span
    previous: Span
    pieces: list[datetime]
    words: str


def compare(period: Period) -> Comparison | None:
    """What the period is compared with; None when the choice says nothing, or nothing has elapsed yet.

    1. The earlier period has the same local days, moved back by whole days, weeks, 52 weeks or months.
    2. A running period is cut at the last quarter-hour, and the earlier one where its clocks showed the same time:
       rollups are cut at quarter-hours, so both sums are exact.
    3. Pieces are moved one by one, so that the chart's n-th piece stands beside the n-th of the earlier period.
    """
    if period.choice.compare is Compare.NONE:
        return None
    elapsed = min(period.now - (period.now - _EPOCH) % QUARTER_HOUR, period.span.end)
    if elapsed <= period.span.start:
        return None
    start, latest = _moved_back(period, period.span.start), _end_of_previous(period)
    # A whole month is compared with a whole month, however long that one was.
    end = min(_moved_back(period, elapsed), latest) if _is_by_days(period) or period.is_partial else latest
    if end <= start:
        return None
    pieces = [min(max(_moved_back(period, piece), start), end) for piece in period.pieces]
    return Comparison(Span(period.span.start, elapsed), Span(start, end), pieces, _words(period, start, end))


def _is_by_days(period: Period) -> bool:
    return period.choice.preset not in _MONTHLY


def _moved_back(period: Period, instant: datetime) -> datetime:
    wall = wall_of(instant, period.zone)
    if not _is_by_days(period):
        # Counted from the month's first day, so that pieces stay in order where the earlier month is shorter.
        start = wall_of(period.span.start, period.zone)
        day = add_months(start.date(), -12 if period.choice.compare is Compare.YEAR else -1)
        return instant_of(datetime.combine(day, start.time()) + (wall - start), period.zone)
    return instant_of(wall - _days_back(period) * _DAY, period.zone)


def _end_of_previous(period: Period) -> datetime:
    """Where the earlier period ends at the latest: a month never runs into the one compared with it."""
    if _is_by_days(period):
        return period.span.start
    back = -11 if period.choice.compare is Compare.YEAR else 0
    return day_start(add_months(period.first, back), period.zone)


def _days_back(period: Period) -> int:
    length = (period.last - period.first).days + 1
    if period.choice.preset is Preset.HOURS_24:
        length = 1
    if period.choice.compare is Compare.PREVIOUS:
        return length
    step = _WEEKS_OF_A_YEAR if period.choice.compare is Compare.YEAR else 7
    return -(-length // step) * step


def _words(period: Period, start: datetime, end: datetime) -> str:
    """The compared days, with the time up to which a running period is compared: "Nov 15, to 14:45"."""
    zone, until = period.zone, wall_of(end, period.zone)
    last = day_of(end - timedelta(microseconds=1), zone)
    words = days_words(day_of(start, zone), last)
    return words if until.hour == until.minute == 0 else f"{words}, to {until:%H:%M}"


def days_words(first: date, last: date) -> str:
    """Days as people write them: "Nov 22, 2026", "Nov 16 - 22, 2026", "Oct 24 - Nov 22, 2026"."""
    if first == last:
        return day_name(first, with_year=True)
    if first.year != last.year:
        return f"{day_name(first, with_year=True)} - {day_name(last, with_year=True)}"
    end = f"{last.day}, {last.year}" if first.month == last.month else day_name(last, with_year=True)
    return f"{day_name(first)} - {end}"


def parse(
    query: Mapping[str, Sequence[str]], default_zone: ZoneInfo, week_start: int = MONDAY
) -> tuple[Choice, list[str]]:
    """The choice an address makes, and a notice for every value that is not known and was replaced by the default."""
    notices: list[str] = []
    given = {name: values[-1] for name, values in query.items() if values and values[-1]}
    choice = Choice(
        zone=_zone(given.get("tz"), default_zone, notices),
        preset=_known(Preset, given.get("period"), Preset.DAYS_30, "period", notices),
        compare=_known(Compare, given.get("compare"), Compare.WEEKDAY, "comparison", notices),
        unit=_unit(given.get("interval"), notices),
        week_start=week_start,
    )
    if "from" in given or "to" in given or choice.preset is Preset.CUSTOM:
        choice = _custom(choice, given, notices)
    return choice, notices


def _known(kind: type[K], text: str | None, default: K, what: str, notices: list[str]) -> K:
    if text is None:
        return default
    if text in set(kind):
        return kind(text)
    notices.append(f"The {what} \u201c{text[:40]}\u201d is not known; the default is shown.")
    return default


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str | None, default: ZoneInfo, notices: list[str]) -> ZoneInfo:
    if name is None or name in _zone_names():
        return ZoneInfo(name) if name else default
    notices.append(f"The time zone \u201c{name[:40]}\u201d is not known; days are cut in {default.key}.")
    return default


def _unit(text: str | None, notices: list[str]) -> Unit | None:
    if text is None or text in _CHART_UNITS:
        return Unit(text) if text else None
    notices.append(f"The interval \u201c{text[:40]}\u201d is not known; the fitting one is shown.")
    return None


def _custom(choice: Choice, given: Mapping[str, str], notices: list[str]) -> Choice:
    first, last = _date(given.get("from")), _date(given.get("to"))
    if first is None or last is None:
        notices.append("A custom period needs two days, from and to, as 2026-11-01; the last 30 days are shown.")
        return replace(choice, preset=Preset.DAYS_30)
    first, last = min(first, last), max(first, last)
    if (last - first).days >= MOST_DAYS:
        notices.append(f"A period has at most {MOST_DAYS:,} days; the last of them are shown.")
        first = last - (MOST_DAYS - 1) * _DAY
    return replace(choice, preset=Preset.CUSTOM, first=first, last=last)


def _date(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if EARLIEST <= day <= date(2100, 1, 1) else None
