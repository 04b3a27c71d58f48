"""The period of a page, its comparison and its pieces. The clock stands at Sunday 2026-11-22 14:52 in Berlin."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.calendars import Unit
from apps.costs.domain.periods import MOST_POINTS, Compare, Period, Preset, compare, parse

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 13, 52, 7, tzinfo=UTC)


def period(query: str = "", now: datetime = NOW) -> Period:
    return parse(parse_qs(query), BERLIN)[0].at(now)


def local(moment: datetime) -> str:
    return f"{moment.astimezone(BERLIN):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    "query, start, end, unit, label",
    [
        ("", "2026-10-24 00:00", "2026-11-23 00:00", "day", "Last 30 days"),
        ("period=today", "2026-11-22 00:00", "2026-11-23 00:00", "hour", "Today"),
        ("period=yesterday", "2026-11-21 00:00", "2026-11-22 00:00", "hour", "Yesterday"),
        ("period=24h", "2026-11-21 15:00", "2026-11-22 15:00", "hour", "Last 24 hours"),
        ("period=7d", "2026-11-16 00:00", "2026-11-23 00:00", "day", "Last 7 days"),
        ("period=mtd", "2026-11-01 00:00", "2026-11-23 00:00", "day", "Month to date"),
        ("period=last_month", "2026-10-01 00:00", "2026-11-01 00:00", "day", "Last month"),
        ("from=2026-10-20&to=2026-10-27", "2026-10-20 00:00", "2026-10-28 00:00", "day", "Oct 20 - 27, 2026"),
        ("from=2026-10-27&to=2026-10-20", "2026-10-20 00:00", "2026-10-28 00:00", "day", "Oct 20 - 27, 2026"),
        ("from=2026-01-01&to=2026-06-30", "2026-01-01 00:00", "2026-07-01 00:00", "week", "Jan 1 - Jun 30, 2026"),
        (
            "from=2020-01-01&to=2026-06-30",
            "2020-01-01 00:00",
            "2026-07-01 00:00",
            "month",
            "Jan 1, 2020 - Jun 30, 2026",
        ),
    ],
)
def test_presets_mean_local_days(query: str, start: str, end: str, unit: str, label: str) -> None:
    found = period(query)
    assert (local(found.span.start), local(found.span.end), found.unit, found.label) == (start, end, unit, label)


@pytest.mark.parametrize(
    "query, start, end, words",
    [
        ("", "2026-09-19 00:00", "2026-10-18 14:45", "Sep 19 - Oct 18, 2026, to 14:45"),
        ("compare=previous", "2026-09-24 00:00", "2026-10-23 14:45", "Sep 24 - Oct 23, 2026, to 14:45"),
        ("compare=year", "2025-10-25 00:00", "2025-11-23 14:45", "Oct 25 - Nov 23, 2025, to 14:45"),
        ("period=today", "2026-11-15 00:00", "2026-11-15 14:45", "Nov 15, 2026, to 14:45"),
        ("period=today&compare=previous", "2026-11-21 00:00", "2026-11-21 14:45", "Nov 21, 2026, to 14:45"),
        ("period=yesterday", "2026-11-14 00:00", "2026-11-15 00:00", "Nov 14, 2026"),
        ("period=24h", "2026-11-14 15:00", "2026-11-15 14:45", "Nov 14 - 15, 2026, to 14:45"),
        ("period=7d", "2026-11-09 00:00", "2026-11-15 14:45", "Nov 9 - 15, 2026, to 14:45"),
        ("period=mtd", "2026-10-01 00:00", "2026-10-22 14:45", "Oct 1 - 22, 2026, to 14:45"),
        ("period=mtd&compare=year", "2025-11-01 00:00", "2025-11-22 14:45", "Nov 1 - 22, 2025, to 14:45"),
        ("period=last_month", "2026-09-01 00:00", "2026-10-01 00:00", "Sep 1 - 30, 2026"),
        ("period=last_month&compare=year", "2025-10-01 00:00", "2025-11-01 00:00", "Oct 1 - 31, 2025"),
        ("from=2026-10-20&to=2026-10-27", "2026-10-06 00:00", "2026-10-14 00:00", "Oct 6 - 13, 2026"),
    ],
)
def test_a_running_period_is_compared_to_the_same_elapsed_part(query: str, start: str, end: str, words: str) -> None:
    running = period(query)
    found = compare(running)
    assert found
    assert (local(found.previous.start), local(found.previous.end), found.words) == (start, end, words)
    assert local(found.current.end) == ("2026-11-22 14:45" if running.is_partial else local(running.span.end))


@pytest.mark.parametrize(
    "now, end", [("2026-03-31 12:00", "2026-03-01 00:00"), ("2026-03-15 12:00", "2026-02-15 12:00")]
)
def test_a_month_to_date_never_runs_past_a_shorter_month(now: str, end: str) -> None:
    found = compare(period("period=mtd", datetime.fromisoformat(now).replace(tzinfo=BERLIN).astimezone(UTC)))
    assert found
    assert local(found.previous.end) == end


def test_a_short_month_is_compared_with_the_whole_longer_one() -> None:
    found = compare(period("period=last_month", datetime(2026, 3, 10, tzinfo=UTC)))
    assert found
    assert (found.words, local(found.previous.end)) == ("Jan 1 - 31, 2026", "2026-02-01 00:00")


@pytest.mark.parametrize("query", ["compare=none", "from=2026-12-01&to=2026-12-05"])
def test_nothing_to_compare(query: str) -> None:
    assert compare(period(query)) is None


def test_the_first_minutes_of_a_day_have_nothing_to_compare() -> None:
    assert compare(period("period=today", datetime(2026, 11, 21, 23, 14, tzinfo=UTC))) is None


def test_the_piece_that_holds_now_is_the_running_one() -> None:
    assert [period(query).running_piece for query in ("", "period=today", "period=yesterday")] == [29, 14, None]


@pytest.mark.parametrize(
    "query, units",
    [
        ("period=today", "hour"),
        ("from=2026-11-18&to=2026-11-22", "hour day"),
        ("from=2026-11-17&to=2026-11-22", "day"),
        ("", "day week month"),
        ("from=2026-01-01&to=2026-12-31", "week month"),
    ],
)
def test_intervals_have_at_most_120_points_and_more_than_one(query: str, units: str) -> None:
    assert " ".join(period(query).units) == units


def test_an_interval_that_does_not_fit_gives_way() -> None:
    assert (period("interval=hour").unit, period("interval=week").unit) == (Unit.DAY, Unit.WEEK)


@pytest.mark.parametrize(
    "query, steps, days",
    [
        ("period=7d", -1, "Nov 9 - 15, 2026"),
        ("period=7d", 1, "Nov 23 - 29, 2026"),
        ("period=last_month", -1, "Sep 1 - 30, 2026"),
        ("period=mtd", -1, "Oct 1 - 31, 2026"),
        ("period=24h", -1, "Nov 20 - 21, 2026"),
        ("from=2026-10-20&to=2026-10-27", 1, "Oct 28 - Nov 4, 2026"),
    ],
)
def test_shifting_moves_by_its_own_length(query: str, steps: int, days: str) -> None:
    assert period(query).shifted(steps).at(NOW).label == days


@pytest.mark.parametrize(
    "query, words",
    [
        ("period=fortnight", "The period \u201cfortnight\u201d is not known"),
        ("compare=mars", "The comparison \u201cmars\u201d is not known"),
        ("interval=second", "The interval \u201csecond\u201d is not known"),
        ("tz=No/Where", "The time zone \u201cNo/Where\u201d is not known; days are cut in Europe/Berlin"),
        ("tz=../../etc/passwd", "The time zone"),
        ("period=custom", "A custom period needs two days"),
        ("from=2026-11-01", "A custom period needs two days"),
        ("from=yesterday&to=2026-11-01", "A custom period needs two days"),
        ("from=0001-01-01&to=2026-11-01", "A custom period needs two days"),
        ("from=2001-01-01&to=2026-11-01", "A period has at most 3,600 days"),
    ],
)
def test_unknown_values_give_the_default_and_a_notice(query: str, words: str) -> None:
    choice, notices = parse(parse_qs(query), BERLIN)
    assert [notice[: len(words)] for notice in notices] == [words]
    assert choice.zone is BERLIN or choice.zone.key == "Europe/Berlin"
    assert choice.at(NOW).pieces


def test_the_address_is_canonical_and_leaves_defaults_out() -> None:
    query = "interval=week&compare=year&tz=Asia/Tokyo&to=2026-11-02&from=2026-11-01&period=7d"
    assert urlencode(parse(parse_qs(query), BERLIN)[0].pairs(BERLIN)) == (
        "from=2026-11-01&to=2026-11-02&tz=Asia%2FTokyo&compare=year&interval=week"
    )
    assert parse(parse_qs("period=30d&compare=weekday&tz=Europe/Berlin"), BERLIN)[0].pairs(BERLIN) == []


queries = st.builds(
    lambda preset, mode, unit, zone: f"period={preset}&compare={mode}&interval={unit}&tz={zone}",
    st.sampled_from([preset for preset in Preset if preset is not Preset.CUSTOM]),
    st.sampled_from(Compare),
    st.sampled_from(Unit),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Nuuk"]
    ),
)
moments = st.integers(0, 7 * 365 * 86_400).map(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(queries, moments)
def test_any_choice_survives_its_own_address(query: str, now: datetime) -> None:
    choice, _ = parse(parse_qs(query), BERLIN)
    again, notices = parse(parse_qs(urlencode(choice.pairs(BERLIN))), BERLIN)
    assert (again, notices) == (choice, [])
    assert again.at(now).span == choice.at(now).span


@given(queries, moments)
def test_pieces_and_comparison_hold_their_laws(query: str, now: datetime) -> None:
    found = parse(parse_qs(query), BERLIN)[0].at(now)
    pieces = found.pieces
    assert (pieces[0], pieces[-1]) == (found.span.start, found.span.end)
    assert all(before < after for before, after in pairwise(pieces))
    assert 1 <= len(pieces) - 1 <= MOST_POINTS
    beside = compare(found)
    if beside:
        assert beside.previous.start < beside.previous.end <= found.span.start
        assert len(beside.pieces) == len(pieces)
        assert all(before <= after for before, after in pairwise(beside.pieces))
        assert beside.previous.start == beside.pieces[0]
        assert beside.current.end - now <= timedelta(0) or not found.is_partial
