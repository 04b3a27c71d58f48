"""Unusual hours and what explains them; and the forecast. On plain numbers."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.costs.domain.anomalies import WEEK, WEEKS, Driver, Event, drivers, events, median, sample_places
from apps.costs.domain.forecasting import Forecast, Week, forecast, part_of_week

ONE = Decimal(1)
LEARNED = WEEK * WEEKS


def any_hours(seed: int, many: int) -> list[Decimal]:
    """Spend that is mostly small and sometimes large."""
    dice = random.Random(seed)
    return [Decimal(round(dice.lognormvariate(5, 1.5))).scaleb(-2) for _ in range(many)]


def steady(*last: str) -> list[Decimal]:
    """Seven weeks at 2 to 3 USD an hour, and then these hours."""
    return [Decimal(2) + Decimal(hour % 5) / 4 for hour in range(LEARNED)] + [Decimal(text) for text in last]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (("2", "3", "2.5"), []),
        (("4.4",), []),  # not half as much again as the dearest sample
        (("9.5", "2", "30"), [(0, 1), (2, 3)]),
        (("2", "30", "40", "2"), [(1, 3)]),
    ],
)
def test_what_is_unusual(last: tuple[str, ...], expected: list[tuple[int, int]]) -> None:
    found = events(steady(*last), since=LEARNED, least=ONE)
    assert [(event.first - LEARNED, event.end - LEARNED) for event in found] == expected


def test_an_event_tells_what_it_cost_and_what_was_usual() -> None:
    (event,) = events(steady("30", "40"), since=LEARNED, least=ONE)
    assert event == Event(LEARNED, LEARNED + 2, Decimal(70), event.usual)
    assert Decimal(4) < event.usual < Decimal(6)
    assert event.excess == Decimal(70) - event.usual


def test_small_amounts_and_short_histories_are_never_unusual() -> None:
    assert events([Decimal(0)] * LEARNED + [Decimal("0.99")], since=LEARNED, least=ONE) == []
    quiet = [Decimal("0.01"), *[Decimal(0)] * (LEARNED - 1)]
    assert events([*quiet, Decimal("1.02")], since=LEARNED, least=ONE) != []
    assert events([Decimal(0)] * LEARNED + [Decimal(99)], since=LEARNED, least=ONE) == []  # just begun
    assert events([Decimal(0)] * (2 * WEEK) + [Decimal(99)], since=2 * WEEK, least=ONE) == []


def test_one_outlier_does_not_hide_the_next() -> None:
    hours = steady("30")
    hours[LEARNED - WEEK] = Decimal(15)
    assert events(hours, since=LEARNED, least=ONE)


@settings(max_examples=20)
@given(st.integers(), st.integers(1, 1000))
def test_events_do_not_depend_on_the_unit(seed: int, factor: int) -> None:
    hours = any_hours(seed, LEARNED + 30)
    found = events(hours, since=LEARNED, least=ONE)
    scaled = events([hour * factor for hour in hours], since=LEARNED, least=ONE * factor)
    assert [(event.first, event.end) for event in scaled] == [(event.first, event.end) for event in found]
    assert all(event.excess > 0 for event in found)


def test_samples_are_the_same_hours_of_the_week() -> None:
    places = sample_places(LEARNED + 5)
    assert len(places) == 18
    assert all((LEARNED + 5 - place) % WEEK in (0, 1, WEEK - 1) for place in places)
    assert sample_places(5) == []


def test_medians() -> None:
    assert median([Decimal(1), Decimal(2), Decimal(9)]) == 2
    assert median([Decimal(1), Decimal(2)]) == Decimal("1.5")


def test_drivers_explain_at_least_a_quarter() -> None:
    before = [{"a": Decimal(1), "b": Decimal(5)}, {"a": Decimal(3)}, {"a": Decimal(2), "b": Decimal(4)}]
    spent = {"a": Decimal(12), "b": Decimal(5), "new": Decimal(6)}
    found = drivers(spent, before, excess=Decimal(16), most=3)
    assert found == [
        Driver("a", Decimal(12), Decimal(2), Decimal("0.625")),
        Driver("new", Decimal(6), Decimal(0), Decimal("0.375")),
    ]
    assert drivers(spent, [], excess=Decimal(0)) == []


def told(so_far: Decimal, hours: list[Decimal], *, to_come: int, rest_of_hour: Decimal = Decimal(0)) -> Forecast | None:
    """The forecast from hours that are over, oldest first."""
    weeks = []
    for number in range(min(len(hours) // WEEK, 4)):
        week = hours[len(hours) - WEEK * (number + 1) : len(hours) - WEEK * number]
        weeks.append(Week(week[0], sum(week[: part_of_week(to_come)], Decimal(0)), sum(week, Decimal(0))))
    return forecast(so_far, weeks, to_come=to_come, rest_of_hour=rest_of_hour)


def test_a_forecast_repeats_the_hours_of_the_last_weeks() -> None:
    weeks = [Decimal(number) for number in (1, 2, 3, 4)]
    hours = [week for week in reversed(weeks) for _ in range(WEEK)]  # the newest week costs 1 an hour
    assert told(Decimal(10), hours, to_come=2) == Forecast(Decimal(15), Decimal(12), Decimal(18), 4)
    found = told(Decimal(10), hours, to_come=WEEK, rest_of_hour=Decimal("0.5"))
    assert found == Forecast(Decimal("431.25"), Decimal("178.5"), Decimal(684), 4)


def test_a_forecast_knows_which_hour_comes() -> None:
    week = [Decimal(0)] * WEEK
    week[3] = Decimal(7)  # three hours after the one that is running
    assert told(Decimal(0), week * 2, to_come=2) == Forecast(Decimal(0), Decimal(0), Decimal(0), 2)
    assert told(Decimal(0), week * 2, to_come=3) == Forecast(Decimal(7), Decimal(7), Decimal(7), 2)


@pytest.mark.parametrize("hours", [[], [ONE] * (2 * WEEK - 1), [Decimal(0)] * WEEK + [ONE] * WEEK])
def test_there_is_no_forecast_without_two_weeks_of_spend(hours: list[Decimal]) -> None:
    assert told(ONE, hours, to_come=5) is None


@settings(max_examples=20)
@given(st.integers(), st.integers(2 * WEEK, 5 * WEEK), st.integers(0, 3 * WEEK))
def test_a_forecast_lies_within_its_range_and_never_below_what_was_spent(seed: int, many: int, to_come: int) -> None:
    found = told(ONE, any_hours(seed, many), to_come=to_come, rest_of_hour=Decimal("0.25"))
    assert found is not None
    assert ONE <= found.least <= found.usd <= found.most
