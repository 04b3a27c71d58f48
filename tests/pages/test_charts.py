"""Rows into chart data: stable colours, the rest summed up, the same numbers in the table."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.costs.domain.colours import MOST_SERIES, slots
from apps.costs.domain.periods import Choice, Period, Preset, compare
from apps.costs.selectors.metrics import SeriesRow, Totals
from controlplane.charts import Chart, spend_chart

NOW = datetime(2026, 11, 22, 13, 52, tzinfo=UTC)
WEEK = Choice(ZoneInfo("UTC"), Preset.DAYS_7).at(NOW)


def row(day: int, key: str, usd: str) -> SeriesRow:
    return SeriesRow(WEEK.span.start + timedelta(days=day), key, Totals(calls=1, cost_usd=Decimal(usd)))


def chart(*rows: SeriesRow, period: Period = WEEK) -> Chart:
    keys = sorted({one.key or "" for one in rows})
    return spend_chart(period, rows, [], None, {key: number for number, key in enumerate(keys, 1)})


@pytest.mark.parametrize(
    "numbers, expected",
    [
        ({}, {}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"b": 2, "f": 6}, {"b": 2, "f": 6}),
        ({"a": 1, "g": 7}, {"a": 1, "g": 2}),  # the seventh prefers the first colour, which is taken
        ({"g": 7}, {"g": 1}),
        ({"f": 6, "l": 12}, {"f": 6, "l": 1}),
    ],
)
def test_colours_follow_the_order_of_first_sight(numbers: dict[str, int], expected: dict[str, int]) -> None:
    assert slots(numbers) == expected


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 500), max_size=MOST_SERIES))
def test_no_two_groups_share_a_colour(numbers: dict[str, int]) -> None:
    found = slots(numbers)
    assert sorted(found) == sorted(numbers)
    assert len(set(found.values())) == len(numbers)
    assert set(found.values()) <= set(range(1, 7))


def test_a_group_keeps_its_colour_when_its_rank_changes() -> None:
    first = chart(row(0, "a", "9"), row(0, "b", "1"))
    second = chart(row(0, "a", "1"), row(0, "b", "9"))
    assert [(one.key, one.slot) for one in first.series] == [("a", 1), ("b", 2)]
    assert [(one.key, one.slot) for one in second.series] == [("b", 2), ("a", 1)]


@pytest.mark.parametrize("groups, names", [(6, 6), (7, 7), (9, 7)])
def test_past_six_groups_the_rest_is_one(groups: int, names: int) -> None:
    found = chart(*(row(0, f"m{number}", str(10 - number)) for number in range(groups)))
    assert len(found.series) == names
    assert sum(one.total for one in found.series) == sum(10 - number for number in range(groups))
    if groups > MOST_SERIES:
        assert (found.series[-1].key, found.series[-1].slot, found.series[-1].name) == (
            None,
            0,
            f"Other ({groups - 6})",
        )


def test_rows_cut_finer_than_pieces_are_added() -> None:
    finer = SeriesRow(WEEK.span.start + timedelta(hours=13), "a", Totals(cost_usd=Decimal("0.2")))
    assert chart(row(0, "a", "0.1"), finer).series[0].values[0] == Decimal("0.3")


def test_what_one_points_at_is_told_to_the_cent() -> None:
    found = chart(row(6, "a", "162.123456"), row(6, "b", "0.0151239"), row(6, "c", "16.7049"))
    values = {one["name"]: one["values"][6] for one in json.loads(found.data)["series"]}
    assert values == {"a": 162.1235, "b": 0.01512, "c": 16.7049}
    assert found.rows[6].total == f"${sum(values.values()):.2f}"


def test_the_canvas_and_the_table_hold_the_same_numbers() -> None:
    found = chart(row(0, "a", "1.25"), row(6, "a", "2"), row(6, "b", "0.5"))
    data = json.loads(found.data)
    assert [one["values"] for one in data["series"]] == [[1.25, 0, 0, 0, 0, 0, 2.0], [0, 0, 0, 0, 0, 0, 0.5]]
    assert [one.total for one in found.rows] == ["$1.25", "$0", "$0", "$0", "$0", "$0", "$2.50"]
    assert (found.rows[6].title, found.rows[6].is_running, data["partial"]) == ("Sun Nov 22, so far", True, 6)
    assert found.summary == "Last 7 days: $3.75. Most in one day: $2.50 (Sun Nov 22). Dearest: a, $3.25."


def test_the_earlier_period_stands_beside_each_piece() -> None:
    comparison = compare(WEEK)
    assert comparison
    before = [SeriesRow(comparison.pieces[2], None, Totals(cost_usd=Decimal(7)))]
    found = spend_chart(WEEK, [row(2, "a", "1")], before, comparison, {"a": 1})
    assert [one.previous for one in found.rows] == ["$0", "$0", "$7.00", "$0", "$0", "$0", "$0"]
    assert json.loads(found.data)["previous"]["values"] == [0, 0, 7, 0, 0, 0, 0]


def test_an_hour_that_the_earlier_day_did_not_have_is_zero() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    day = Choice(berlin, Preset.TODAY).at(datetime(2026, 4, 5, 20, tzinfo=UTC))  # a week after the 23-hour day
    comparison = compare(day)
    assert comparison
    starts = sorted(set(comparison.pieces))[:-1]
    before = [SeriesRow(start, None, Totals(cost_usd=Decimal(1))) for start in starts]
    found = spend_chart(day, [], before, comparison, {})
    values = json.loads(found.data)["previous"]["values"]
    assert values[2] == 0
    assert sum(value or 0 for value in values) == len(starts) == 21


def test_the_line_of_the_earlier_day_ends_where_this_one_stands() -> None:
    day = Choice(ZoneInfo("UTC"), Preset.TODAY).at(NOW)
    comparison = compare(day)
    assert comparison
    before = [SeriesRow(comparison.pieces[3], None, Totals(cost_usd=Decimal(7)))]
    values = json.loads(spend_chart(day, [], before, comparison, {}).data)["previous"]["values"]
    assert values == [0] * 3 + [7] + [0] * 10 + [None] * 10


def test_an_earlier_period_without_spend_draws_no_line() -> None:
    comparison = compare(WEEK)
    assert not spend_chart(WEEK, [row(2, "a", "1")], [], comparison, {"a": 1}).has_previous


def test_no_spend_is_said_in_words() -> None:
    assert chart().summary == "No spend in Last 7 days."
