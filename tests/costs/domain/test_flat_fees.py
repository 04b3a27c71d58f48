"""Flat fees spread over time: to the last digit, whatever cuts them, across clock changes and short months."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.flat_fees import Every, FlatFee, joined

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
FEES = st.integers(0, 10**20)
FIRST = st.dates(date(2024, 1, 1), date(2027, 12, 31))


def fee(every: Every = "month", first: date = date(2026, 3, 1), last: date | None = None) -> FlatFee:
    return FlatFee(31 * 24 * 10**6 - 10**6, every, first, last, BERLIN)


def test_a_month_with_a_clock_change_is_an_hour_shorter_and_costs_the_same() -> None:
    march = fee()
    start, end = march.period(0)
    assert end - start == timedelta(days=31) - timedelta(hours=1)
    assert march.between(start, end) == march.fee
    assert march.between(start, start + timedelta(hours=1)) == 10**6


@pytest.mark.parametrize(
    ("number", "day"), [(0, date(2026, 1, 31)), (1, date(2026, 2, 28)), (2, date(2026, 3, 31)), (13, date(2027, 2, 28))]
)
def test_periods_that_begin_on_the_31st(number: int, day: date) -> None:
    assert fee(first=date(2026, 1, 31)).period(number)[0].astimezone(BERLIN).date() == day


def test_nothing_before_it_begins_and_after_it_ends() -> None:
    one = fee(last=date(2026, 3, 31))
    assert one.end == one.period(0)[1]
    assert one.between(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)) == one.fee
    assert one.between(datetime(2020, 1, 1, tzinfo=UTC), one.start) == 0
    assert one.between(one.period(1)[0], one.period(5)[0]) == 0


@given(
    FEES, st.sampled_from(["month", "year"]), FIRST, ZONES, st.integers(0, 14), st.lists(st.floats(0, 1), max_size=8)
)
def test_the_pieces_of_a_period_add_up_to_the_fee(
    amount: int, every: Every, first: date, zone: str, number: int, shares: list[float]
) -> None:
    one = FlatFee(amount, every, first, None, ZoneInfo(zone))
    start, end = one.period(number)
    cuts = sorted({start, end, *(start + (end - start) * share for share in shares)})
    pieces = [one.between(*piece) for piece in pairwise(cuts)]
    assert sum(pieces) == amount
    assert min(pieces) >= 0
    assert one.between(one.start, end) == amount * (number + 1)


MOMENTS = st.integers(0, 20).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


@given(st.lists(st.tuples(MOMENTS, st.none() | MOMENTS)), MOMENTS)
def test_joined_stretches_hold_the_same_instants(
    stretches: list[tuple[datetime, datetime | None]], at: datetime
) -> None:
    real = [(start, end) for start, end in stretches if end is None or start < end]
    found = joined(real)
    assert any(s <= at and (e is None or at < e) for s, e in found) == any(
        s <= at and (e is None or at < e) for s, e in real
    )
    assert all(one[1] is not None and one[1] < other[0] for one, other in pairwise(found))
