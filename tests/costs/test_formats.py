"""How numbers are written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.costs.domain import formats
from apps.costs.domain.formats import Delta


@pytest.mark.parametrize(
    "usd, text",
    [
        ("0", "$0"),
        ("0.000000000000001", "<$0.000001"),
        ("0.000000999999999", "<$0.000001"),
        ("0.000001", "$0.0000010"),
        ("0.000023", "$0.000023"),
        ("0.0000235", "$0.000024"),
        ("0.00994", "$0.0099"),
        ("0.00995", "$0.0100"),
        ("0.01", "$0.0100"),
        ("0.0184", "$0.0184"),
        ("0.99994", "$0.9999"),
        ("0.99995", "$1.00"),
        ("1", "$1.00"),
        ("46.885", "$46.89"),
        ("1234567.891", "$1,234,567.89"),
        ("-0.0184", "\u2212$0.0184"),
        ("-0.0000001", "\u2212<$0.000001"),
    ],
)
def test_money(usd: str, text: str) -> None:
    assert formats.money(Decimal(usd)) == text


def test_unknown_money_is_never_zero() -> None:
    assert formats.money(None) == formats.money_card(None) == formats.money_exact(None) == "unknown"


@pytest.mark.parametrize(
    "usd, text",
    [
        ("99999.99", "$99,999.99"),
        ("100000", "$100.0k"),
        ("128412.3", "$128.4k"),
        ("999949", "$999.9k"),
        ("999950", "$1.000M"),
        ("1284000", "$1.284M"),
        ("-128412.3", "\u2212$128.4k"),
    ],
)
def test_money_on_cards(usd: str, text: str) -> None:
    assert formats.money_card(Decimal(usd)) == text


@pytest.mark.parametrize(
    "usd, text",
    [
        ("0", "$0.00"),
        ("46.89", "$46.89"),
        ("46.890000000000000", "$46.89"),
        ("1234.5", "$1,234.50"),
        ("0.000000000000001", "$0.000000000000001"),
        ("1E+3", "$1,000.00"),
        ("-0.5", "\u2212$0.50"),
    ],
)
def test_money_in_full(usd: str, text: str) -> None:
    assert formats.money_exact(Decimal(usd)) == text


@pytest.mark.parametrize(
    "column, texts",
    [
        (["46.89", "1234"], ["$46.89", "$1,234.00"]),
        (["46.89", "0.0123"], ["$46.89", "$0.01"]),
        (["46.89", "0.0012"], ["$46.8900", "$0.0012"]),
        (["46.89", "0.00001"], ["$46.8900", "<$0.0001"]),
        (["0.5", "0.0184"], ["$0.5000", "$0.0184"]),
        (["0.0012", "0.000023"], ["$0.001200", "$0.000023"]),
        (["0.0012", "0.0000000001"], ["$0.00120000", "<$0.00000001"]),
        (["0", "1"], ["$0", "$1.00"]),
        (["0", "0"], ["$0", "$0"]),
        ([], []),
    ],
)
def test_a_column_has_one_precision(column: list[str], texts: list[str]) -> None:
    assert formats.money_column([Decimal(value) for value in column]) == texts


def test_a_column_keeps_unknown_amounts() -> None:
    assert formats.money_column([None, Decimal("1")]) == ["unknown", "$1.00"]


@pytest.mark.parametrize(
    "number, text",
    [(0, "0"), (9_999, "9,999"), (10_000, "10.00k"), (12_345, "12.35k"), (999_950, "1.000M"), (1_234_567, "1.235M")],
)
def test_tokens(number: int, text: str) -> None:
    assert formats.tokens(number) == text


@pytest.mark.parametrize("number, text", [(99_999, "99,999"), (100_000, "100.0k"), (2_500_000_000, "2.500G")])
def test_counts_on_cards(number: int, text: str) -> None:
    assert formats.count_card(number) == text


def test_counts() -> None:
    assert (formats.count(1234567), formats.count(None), formats.tokens(None)) == ("1,234,567", "\u2013", "\u2013")
    assert [formats.some(number, "day") for number in (0, 1, 1200)] == ["0 days", "1 day", "1,200 days"]
    assert formats.some(2, "stretch", "stretches") == "2 stretches"


@pytest.mark.parametrize(
    "part, whole, text",
    [
        (0, 0, "\u2013"),
        (0, 5, "0%"),
        (1, 100_000, "<0.1%"),
        (1, 1000, "0.1%"),
        (972, 1000, "97.2%"),
        (999, 1000, "99.9%"),
        (99_999, 100_000, ">99.9%"),
        (5, 5, "100%"),
        (Decimal("1.5"), Decimal("3"), "50.0%"),
        (-1, 3, "\u221233.3%"),
        (-5, 2, "\u2212250%"),
        (-1, 100_000, "\u2212<0.1%"),
    ],
)
def test_percent(part: Decimal | int, whole: Decimal | int, text: str) -> None:
    assert formats.percent(part, whole) == text


@pytest.mark.parametrize(
    "milliseconds, text",
    [
        (None, "\u2013"),
        (0, "0 ms"),
        (840.4, "840 ms"),
        (999, "999 ms"),
        (999.5, "1.00 s"),
        (2400, "2.40 s"),
        (9949, "9.95 s"),
        (9950, "10.0 s"),
        (59_949, "59.9 s"),
        (59_950, "1 min 0 s"),
        (75_000, "1 min 15 s"),
        (3_599_000, "59 min 59 s"),
        (7_500_000, "2 h 5 min"),
    ],
)
def test_duration(milliseconds: float | None, text: str) -> None:
    assert formats.duration(milliseconds) == text


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_400 * 3, "3 d ago"),
        (-120, "in 2 min"),
    ],
)
def test_ago(seconds: float, text: str) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert formats.ago(now - timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    "current, previous, expected",
    [
        ("0", "0", None),
        ("4", "0", Delta("up", "new", "against")),
        ("0", "4", Delta("down", "100% less")),
        ("116", "100", Delta("up", "16% more")),
        ("103.14", "100", Delta("up", "3.1% more")),
        ("90.06", "100", Delta("down", "9.9% less")),
        ("100.04", "100", Delta("same", "unchanged", "from")),
        ("1099", "100", Delta("up", "999% more")),
        ("5000", "100", Delta("up", "50 times as much", "as")),
    ],
)
def test_delta_says_the_change_in_words(current: str, previous: str, expected: Delta | None) -> None:
    assert formats.delta(Decimal(current), Decimal(previous)) == expected
