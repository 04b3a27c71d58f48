"""Days, weeks, months and quarters of a time zone, cut into half-open UTC intervals.

A local day runs from the first instant that carries its date to the first instant that carries the next one, so a day
with a clock change has 23 or 25 hours and no instant falls between two days or into both.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

MONDAY = 0
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER_HOUR = timedelta(minutes=15)


class Unit(StrEnum):
    """The lengths a range is cut into."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which clocks in `zone` show the naive time `wall` or a later one.

    1. A time that clocks show twice means the first of the two.
    2. A time that clocks skip means the instant of the change, found by halving the span between both readings.
    """
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset_before = early.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == offset_before:
            early = middle
        else:
            late = middle
    return late


def wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in `zone` show at the instant, as a naive time."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, of a local day."""
    return instant_of(datetime.combine(day, time()), zone)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local day whose half-open interval holds the instant."""
    day = instant.astimezone(zone).date()
    # Clocks set back just after midnight show yesterday's date again: the day has begun all the same.
    return day + _DAY if day_start(day + _DAY, zone) <= instant else day


def first_day(day: date, unit: Unit, week_start: int = MONDAY) -> date:
    """The first day of the day, week, month or quarter that holds `day`. `week_start` counts from Monday = 0."""
    if unit is Unit.WEEK:
        return day - timedelta(days=(day.weekday() - week_start) % 7)
    if unit is Unit.MONTH:
        return day.replace(day=1)
    if unit is Unit.QUARTER:
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day


def next_first_day(day: date, unit: Unit, week_start: int = MONDAY) -> date:
    """The first day of the unit after the one that holds `day`."""
    first = first_day(day, unit, week_start)
    if unit is Unit.WEEK:
        return first + timedelta(days=7)
    if unit is Unit.MONTH:
        return add_months(first, 1)
    if unit is Unit.QUARTER:
        return add_months(first, 3)
    return first + _DAY


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or the last day of that month where it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    length = (date((index + 1) // 12, (index + 1) % 12 + 1, 1) - first).days
    return first.replace(day=min(day.day, length))


def unit_of(instant: datetime, unit: Unit, zone: ZoneInfo, week_start: int = MONDAY) -> tuple[datetime, datetime]:
    """The half-open UTC interval of the local day, week, month or quarter that holds the instant."""
    day = day_of(instant, zone)
    first, after = first_day(day, unit, week_start), next_first_day(day, unit, week_start)
    return day_start(first, zone), day_start(after, zone)


def cut(start: datetime, end: datetime, unit: Unit, zone: ZoneInfo, week_start: int = MONDAY) -> list[datetime]:
    """[start, end) cut at the local boundaries of `unit`: the starts of the pieces, then `end`.

    The first and the last piece may be parts of a unit. An hour never spans a clock change, so a day has one piece
    for every hour that clocks really showed.
    """
    inner = _hours(start, end, zone) if unit is Unit.HOUR else _days(start, end, zone, unit, week_start)
    return [start, *(boundary for boundary in inner if start < boundary < end), end]


def _days(start: datetime, end: datetime, zone: ZoneInfo, unit: Unit, week_start: int) -> Iterator[datetime]:
    day = next_first_day(day_of(start, zone), unit, week_start)
    while (boundary := day_start(day, zone)) < end:
        yield boundary
        day = next_first_day(day, unit, week_start)


def _hours(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    aligned = start - (start - _EPOCH) % QUARTER_HOUR
    quarters = [aligned + QUARTER_HOUR * step for step in range(-(-(end - aligned) // QUARTER_HOUR))]
    for before, instant in pairwise(quarters):
        if _shown_hour(before, zone) != _shown_hour(instant, zone):
            yield instant


def _shown_hour(instant: datetime, zone: ZoneInfo) -> tuple[date, int, timedelta | None]:
    local = instant.astimezone(zone)
    return local.date(), local.hour, local.utcoffset()


def day_name(day: date, with_year: bool = False) -> str:
    """A day as people read it: "Nov 22", "Nov 22, 2026"."""
    return f"{day:%b} {day.day}" + (f", {day.year}" if with_year else "")


def _hour_name(wall: datetime) -> str:
    return f"{wall:%H:%M}"


_NAMES: dict[Unit, Callable[[datetime], str]] = {
    Unit.HOUR: _hour_name,
    Unit.DAY: day_name,
    Unit.WEEK: day_name,
    Unit.MONTH: lambda wall: f"{wall:%b} {wall.year}",
    Unit.QUARTER: lambda wall: f"Q{(wall.month + 2) // 3} {wall.year}",
}


def piece_name(start: datetime, unit: Unit, zone: ZoneInfo) -> str:
    """The short name of a piece, for an axis: "14:00", "Nov 22", "Nov 2026"; a week is named by its first day."""
    return _NAMES[unit](wall_of(start, zone))


def piece_title(start: datetime, unit: Unit, zone: ZoneInfo) -> str:
    """The full name of a piece: "Sun Nov 22, 14:00", "Sun Nov 22", "Week of Nov 16", "Nov 2026"."""
    wall = wall_of(start, zone)
    if unit is Unit.HOUR:
        return f"{wall:%a} {day_name(wall)}, {_hour_name(wall)}"
    if unit is Unit.DAY:
        return f"{wall:%a} {day_name(wall)}"
    return f"Week of {day_name(wall)}" if unit is Unit.WEEK else _NAMES[unit](wall)


def zone_words(zone: ZoneInfo, now: datetime) -> str:
    """A zone with its present offset: "Europe/Berlin (UTC+1)"; UTC is only "UTC"."""
    minutes = int((now.astimezone(zone).utcoffset() or timedelta()).total_seconds() // 60)
    if zone.key == "UTC":
        return zone.key
    hours, rest = divmod(abs(minutes), 60)
    sign = "\u2212" if minutes < 0 else "+"
    return f"{zone.key} (UTC{sign}{hours}{f':{rest:02d}' if rest else ''})"
