"""P6: every instant lies in exactly one period of a budget, in every zone and at every change of clocks."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from apps.budgets.domain.cycles import Cycle, Period, Span, known_zones

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
CUT = (Period.HOUR, Period.DAY, Period.WEEK, Period.MONTH, Period.QUARTER, Period.YEAR, Period.ROLLING)
ODD = (
    "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu",
    "Pacific/Chatham", "Africa/Casablanca", "Asia/Beirut", "America/Sao_Paulo", "Pacific/Apia",
)  # fmt: skip


def changes(zone: ZoneInfo) -> list[datetime]:
    """The instants, to the quarter-hour, at which the offset of a zone changes."""
    found, step = [], timedelta(days=7)
    start = FIRST
    while start < LAST:
        early, late = start, start + step
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset():
            while late - early > timedelta(minutes=15):
                middle = early + (late - early) // 2
                middle -= timedelta(seconds=middle.timestamp() % 900)
                if middle.astimezone(zone).utcoffset() == early.astimezone(zone).utcoffset():
                    early = middle if middle > early else late
                else:
                    late = middle
            found.append(late)
        start += step
    return found


def check(zone_name: str, periods: tuple[Period, ...] = CUT) -> int:
    """Around each change: periods follow each other without gap or overlap, and an instant finds its own."""
    looked = 0
    for change in changes(ZoneInfo(zone_name)):
        for period in periods:
            cycle = Cycle(period, zone_name, week_start=6, fiscal_start=4, rolling_days=7 * (period is Period.ROLLING))
            spans = [cycle.span(change - timedelta(days=1))]
            while spans[-1].end and spans[-1].end <= change + timedelta(days=1):
                spans.append(cycle.following(spans[-1]))
            for before, after in pairwise(spans):
                assert before.end == after.start, (zone_name, period, change)
                assert cycle.preceding(after) == before, (zone_name, period, change)
            for minutes in (-900, -61, -1, 0, 1, 14, 15, 59, 61, 900):
                at = change + timedelta(minutes=minutes)
                holding = [span for span in spans if span.holds(at)]
                assert holding == [cycle.span(at)], (zone_name, period, at)
                looked += 1
    return looked


def test_every_instant_is_in_one_period() -> None:
    assert sum(check(zone) for zone in ODD) > 5_000


@pytest.mark.prove
def test_every_instant_is_in_one_period_in_all_zones() -> None:
    zones = sorted(known_zones() - {"Factory", "localtime"})
    assert sum(check(zone) for zone in zones) > 100_000


def test_periods_as_people_know_them() -> None:
    def days(cycle: Cycle, at: str) -> tuple[str, str]:
        span: Span = cycle.span(datetime.fromisoformat(at).astimezone(UTC))
        assert span.end is not None
        ends = [one.astimezone(cycle.zone).strftime("%Y-%m-%d %H:%M") for one in (span.start, span.end)]
        return ends[0], ends[1]

    berlin = "Europe/Berlin"
    table = [
        (Cycle(Period.DAY, berlin), "2026-10-25T12:00+01:00", "2026-10-25 00:00", "2026-10-26 00:00"),
        (Cycle(Period.WEEK, berlin), "2026-11-25T12:00+01:00", "2026-11-23 00:00", "2026-11-30 00:00"),
        (Cycle(Period.WEEK, berlin, week_start=6), "2026-11-25T12:00+01:00", "2026-11-22 00:00", "2026-11-29 00:00"),
        (Cycle(Period.MONTH, berlin), "2026-10-31T23:59+01:00", "2026-10-01 00:00", "2026-11-01 00:00"),
        (Cycle(Period.QUARTER, berlin), "2026-11-25T12:00+01:00", "2026-10-01 00:00", "2027-01-01 00:00"),
        (
            Cycle(Period.QUARTER, berlin, fiscal_start=2),
            "2026-11-25T12:00+01:00",
            "2026-11-01 00:00",
            "2027-02-01 00:00",
        ),
        (Cycle(Period.YEAR, berlin, fiscal_start=4), "2026-03-31T12:00+02:00", "2025-04-01 00:00", "2026-04-01 00:00"),
        (Cycle(Period.HOUR, "Asia/Kathmandu"), "2026-11-25T12:10+05:45", "2026-11-25 12:00", "2026-11-25 13:00"),
    ]
    for cycle, instant, start, end in table:
        assert days(cycle, instant) == (start, end), (cycle, instant)
    at = datetime(2026, 10, 26, 12, tzinfo=UTC)
    rolling = Cycle(Period.ROLLING, berlin, rolling_days=3)
    assert rolling.window(rolling.span(at)) == Span(
        datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 26, 23, tzinfo=UTC)
    )
    assert Cycle(Period.ONCE).span(at).end is None
