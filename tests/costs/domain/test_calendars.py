"""Local days, weeks, months and quarters as UTC intervals (P6)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain import calendars
from apps.costs.domain.calendars import QUARTER_HOUR, Unit, cut, day_of, day_start, instant_of, unit_of

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
LONG_UNITS = (Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.QUARTER)
# Changes at midnight, by half an hour, by two hours, twice a year more, at odd offsets, over the date line; or none.
AWKWARD = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Scoresbysund",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Almaty",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
)


def offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def clock_changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The instants 2024-2030 at which the zone's offset changes, found by the offset alone."""
    for before in (BEGIN + timedelta(days=day) for day in range((END - BEGIN).days)):
        low, high = before, before + timedelta(days=1)
        if offset(low, zone) != offset(high, zone):
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if offset(middle, zone) == offset(low, zone) else (low, middle)
            yield high.replace(microsecond=0)


def assert_one_period_each(zone: ZoneInfo, instants: list[datetime]) -> None:
    """Each instant lies in exactly one period of every unit, and the neighbours touch it."""
    for unit in LONG_UNITS:
        for instant in instants:
            start, end = unit_of(instant, unit, zone)
            assert start <= instant < end
            assert unit_of(start, unit, zone) == (start, end)
            assert unit_of(start - timedelta(microseconds=1), unit, zone)[1] == start
            assert unit_of(end, unit, zone)[0] == end
            assert (start - BEGIN) % QUARTER_HOUR == timedelta(0)


def assert_days_hold_what_clocks_show(zone: ZoneInfo, change: datetime) -> None:
    """Days are the runs of quarter-hours that show one date, counted without the code under test."""
    shown: defaultdict[date, list[datetime]] = defaultdict(list)
    first = change.replace(minute=0) - timedelta(hours=60)
    for quarter in (first + QUARTER_HOUR * step for step in range(4 * 120)):
        shown[quarter.astimezone(zone).date()].append(quarter)
    for day in sorted(shown)[1:-1]:
        quarters = shown[day]
        assert (day_start(day, zone), day_start(day + timedelta(days=1), zone)) == (
            quarters[0],
            quarters[-1] + QUARTER_HOUR,
        )
        assert quarters[-1] - quarters[0] == QUARTER_HOUR * (len(quarters) - 1)


def around(change: datetime) -> list[datetime]:
    return [change + timedelta(seconds=seconds) for seconds in (-86_400, -1, 0, 1, 3_600, 86_400)]


def assert_sums_to_the_range(zone: ZoneInfo, unit: Unit) -> None:
    start, end = day_start(date(2024, 1, 1), zone), day_start(date(2031, 1, 1), zone)
    pieces = cut(start, end, unit, zone)
    assert (pieces[0], pieces[-1]) == (start, end)
    assert all(before < after for before, after in pairwise(pieces))
    assert sum((after - before for before, after in pairwise(pieces)), timedelta()) == end - start


@pytest.mark.parametrize("name", AWKWARD)
def test_neither_gap_nor_overlap_at_any_clock_change(name: str) -> None:
    zone = ZoneInfo(name)
    for change in clock_changes(zone):
        assert_one_period_each(zone, around(change))
        assert_days_hold_what_clocks_show(zone, change)


@pytest.mark.parametrize("unit, pieces", [(Unit.DAY, 2557), (Unit.WEEK, 366), (Unit.MONTH, 84), (Unit.QUARTER, 28)])
def test_seven_years_of_pieces_sum_to_the_range(unit: Unit, pieces: int) -> None:
    for name in ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe"):
        zone = ZoneInfo(name)
        assert_sums_to_the_range(zone, unit)
        whole = day_start(date(2024, 1, 1), zone), day_start(date(2031, 1, 1), zone)
        assert len(cut(*whole, unit, zone)) - 1 == pieces


@pytest.mark.prove
@pytest.mark.parametrize("name", sorted(available_timezones()))
def test_every_zone_and_every_clock_change_2024_to_2030(name: str) -> None:
    zone = ZoneInfo(name)
    for change in clock_changes(zone):
        assert_one_period_each(zone, around(change))
        assert_days_hold_what_clocks_show(zone, change)
    for unit in LONG_UNITS:
        assert_sums_to_the_range(zone, unit)


@given(
    instant=st.integers(-20 * 365 * 86_400, 7 * 365 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
    name=st.sampled_from(sorted(available_timezones())),
)
def test_any_instant_of_any_zone_lies_in_one_period(instant: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    for unit in LONG_UNITS:
        start, end = unit_of(instant, unit, zone)
        assert start <= instant < end == unit_of(end, unit, zone)[0]


@pytest.mark.parametrize(
    "day, hours",
    [
        (date(2026, 3, 29), 23),
        (date(2026, 10, 25), 25),
        (date(2026, 11, 22), 24),
    ],
)
def test_days_of_a_clock_change_have_23_or_25_hours(day: date, hours: int) -> None:
    start, end = day_start(day, BERLIN), day_start(day + timedelta(days=1), BERLIN)
    assert end - start == timedelta(hours=hours)
    assert len(cut(start, end, Unit.HOUR, BERLIN)) - 1 == hours


@pytest.mark.parametrize(
    "name, wall, instant",
    [
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00"),  # skipped: the change itself
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),  # shown twice: the first
        ("Africa/Cairo", "2026-04-24 00:00", "2026-04-23 22:00"),  # midnight is skipped
        ("America/Havana", "2026-11-01 00:30", "2026-11-01 04:30"),  # midnight's hour is shown twice
        ("Pacific/Apia", "2011-12-30 00:00", "2011-12-30 10:00"),  # a whole day is skipped
        ("America/St_Johns", "2011-11-06 00:00", "2011-11-06 02:30"),  # set back at 00:01, midnight comes twice
    ],
)
def test_the_first_instant_that_shows_a_time(name: str, wall: str, instant: str) -> None:
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert instant_of(datetime.fromisoformat(wall), ZoneInfo(name)) == expected


def test_a_day_begun_before_clocks_go_back_past_midnight_has_begun() -> None:
    zone = ZoneInfo("America/St_Johns")
    assert day_of(datetime(2011, 11, 6, 2, 31, 30, tzinfo=UTC), zone) == date(2011, 11, 6)


def test_hours_never_span_a_clock_change() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")  # half an hour forward on 2026-10-04, back on 2026-04-05
    for day, lengths in ((date(2026, 10, 4), {60, 30}), (date(2026, 4, 5), {60, 30})):
        pieces = cut(day_start(day, zone), day_start(day + timedelta(days=1), zone), Unit.HOUR, zone)
        assert {int((end - start).total_seconds() // 60) for start, end in pairwise(pieces)} == lengths


def test_the_first_and_last_piece_may_be_parts() -> None:
    start, end = datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    pieces = cut(start, end, Unit.WEEK, ZoneInfo("UTC"))
    assert [piece.day for piece in pieces] == [18, 23, 30, 2]


@pytest.mark.parametrize("week_start, first", [(0, date(2026, 11, 16)), (6, date(2026, 11, 22))])
def test_weeks_start_on_the_chosen_day(week_start: int, first: date) -> None:
    assert calendars.first_day(date(2026, 11, 22), Unit.WEEK, week_start) == first


@pytest.mark.parametrize(
    "day, months, expected",
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 15), -13, date(2024, 12, 15)),
    ],
)
def test_months_are_added_within_the_month(day: date, months: int, expected: date) -> None:
    assert calendars.add_months(day, months) == expected


@pytest.mark.parametrize(
    "unit, name, title",
    [
        (Unit.HOUR, "00:00", "Sun Nov 1, 00:00"),
        (Unit.DAY, "Nov 1", "Sun Nov 1"),
        (Unit.WEEK, "Nov 1", "Week of Nov 1"),
        (Unit.MONTH, "Nov 2026", "Nov 2026"),
        (Unit.QUARTER, "Q4 2026", "Q4 2026"),
    ],
)
def test_pieces_have_names(unit: Unit, name: str, title: str) -> None:
    start = day_start(date(2026, 11, 1), BERLIN)
    assert (calendars.piece_name(start, unit, BERLIN), calendars.piece_title(start, unit, BERLIN)) == (name, title)


@pytest.mark.parametrize(
    "name, words",
    [
        ("UTC", "UTC"),
        ("Europe/Berlin", "Europe/Berlin (UTC+1)"),
        ("America/St_Johns", "America/St_Johns (UTC\u22123:30)"),
        ("Asia/Kathmandu", "Asia/Kathmandu (UTC+5:45)"),
    ],
)
def test_a_zone_is_named_with_its_offset(name: str, words: str) -> None:
    assert calendars.zone_words(ZoneInfo(name), datetime(2026, 11, 22, tzinfo=UTC)) == words
