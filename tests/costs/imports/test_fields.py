"""Single values as exports write them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.costs.domain.importing import fields

MOMENT = datetime(2025, 10, 5, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), ("5", 5), ("5760.0", 5760), (Decimal("7.00"), 7), ("1e3", 1000), ("", 0), (None, 0), (0, 0)],
)
def test_counts(value: object, expected: int) -> None:
    assert fields.whole(value, "n") == expected


@pytest.mark.parametrize("value", ["5.5", "x", "NaN", "Infinity", True, [], {}])
def test_what_is_no_count(value: object) -> None:
    with pytest.raises(ValueError, match="n is not a whole number"):
        fields.whole(value, "n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.1", "0.100000000000000"),
        (Decimal("1.5E-7"), "0.000000150000000"),
        ("0.0000000000000005", "0.000000000000000"),
        ("0.0000000000000015", "0.000000000000002"),
        ("0.00000000000000051", "0.000000000000001"),
        (0, "0.000000000000000"),
        ("999999999999", "999999999999.000000000000000"),
    ],
)
def test_money_is_rounded_once_to_15_decimals_half_to_even(value: object, expected: str) -> None:
    amount = fields.money(value, "cost")
    assert amount is not None
    assert fields.money_text(amount) == expected


@pytest.mark.parametrize("value", ["-0.01", "x", "NaN", "1000000000000", "inf"])
def test_what_is_no_money(value: object) -> None:
    with pytest.raises(ValueError, match="cost is not an amount"):
        fields.money(value, "cost")


def test_no_money_is_not_zero() -> None:
    assert fields.money("", "cost") is fields.money(None, "cost") is None


@pytest.mark.parametrize(
    "value",
    [
        "2025-10-05T12:30:00Z",
        "2025-10-05 12:30:00",
        "2025-10-05 12:30:00.000000",
        "2025-10-05 12:30:00.0000000",
        "2025-10-05T14:30:00+02:00",
        "2025-10-05 12:30:00 UTC",
        1759667400,
        "1759667400",
        "1759667400.0",
        1759667400000,
        "1759667400000",
        Decimal("1.7596674E+12"),
        "1759667400000000",
        "1759667400000000000",
    ],
)
def test_times(value: object) -> None:
    assert fields.moment(value, "at") == MOMENT


@pytest.mark.parametrize("value", ["yesterday", "", None, 10**20, "1e999", "9999-12-31T23:59:59-14:00", []])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(ValueError, match="at is not a time"):
        fields.moment(value, "at")


def test_a_duration_is_between_two_times() -> None:
    assert fields.milliseconds(MOMENT, "2025-10-05T12:30:01.2345Z", "end") == 1234
    assert fields.milliseconds(MOMENT, None, "end") is None
    assert fields.milliseconds(MOMENT, "2025-10-05T12:29:59Z", "end") is None


def test_labels_become_tags_up_to_the_limit() -> None:
    assert fields.tags({"team": "blue", "none": None}, ["job:1:2", "urgent", "team:red", ""]) == {
        "team": "blue",
        "job": "1:2",
        "urgent": "yes",
    }
    assert fields.tags({}, []) is None
    assert len(fields.tags({}, [f"tag{n}" for n in range(40)]) or {}) == 16


def test_names_are_cut_and_cleaned() -> None:
    assert fields.text(" a\0b ") == "ab"
    assert fields.text("x" * 200) == "x" * 128
    assert fields.text("  ") is None
    assert fields.text(7) == "7"


def test_numbers_of_any_size_cost_no_time() -> None:
    for huge in (Decimal("1e999999999"), "1e999999999", Decimal("-1e99999999999"), "1" + "0" * 15):
        with pytest.raises(ValueError, match="not a whole number"):
            fields.whole(huge, "input_tokens")
    with pytest.raises(ValueError, match="not a time"):
        fields.moment(Decimal("1e9999999999"), "start_time")
    assert fields.whole("999999999999999", "input_tokens") == 10**15 - 1


def test_half_an_emoji_becomes_a_question_mark() -> None:
    assert fields.text("team \ud83d") == "team ?"
    assert fields.text("team \U0001f600") == "team \U0001f600"
