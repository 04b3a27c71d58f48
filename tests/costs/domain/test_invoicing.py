"""What was billed, the error it tells, and the error bar of a total."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from apps.costs.domain.invoice_csv import CsvError, read_lines
from apps.costs.domain.invoicing import Billed, Compared, error_rates, faults

OCTOBER = Billed("openai", "", date(2026, 10, 1), date(2026, 10, 31), "Europe/Berlin", Decimal("100"))


def compared(provider: str, month: int, billed: str, ours: str) -> Compared:
    return Compared(provider, date(2026, month, 1), Decimal(billed), Decimal(ours))


def test_days_are_those_of_the_bills_zone() -> None:
    # Clocks went back on 25 October.
    assert OCTOBER.start == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert OCTOBER.end == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert OCTOBER.days == 31


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        ({}, True),
        ({"model": "gpt-4.1"}, True),
        ({"provider": "anthropic"}, False),
        ({"first_day": date(2026, 10, 31), "last_day": date(2026, 11, 1)}, True),
        ({"first_day": date(2026, 11, 1), "last_day": date(2026, 11, 1)}, False),
        ({"first_day": date(2026, 11, 1), "last_day": date(2026, 11, 1), "zone": "Asia/Tokyo"}, True),
    ],
)
def test_lines_that_would_count_twice(other: dict[str, object], overlaps: bool) -> None:
    line = replace(OCTOBER, **other)  # type: ignore[arg-type]
    assert (OCTOBER.overlaps(line), line.overlaps(OCTOBER)) == (overlaps, overlaps)


def test_models_do_not_overlap_each_other() -> None:
    assert not replace(OCTOBER, model="a").overlaps(replace(OCTOBER, model="b"))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"provider": " "}, "provider"),
        ({"provider": "x" * 129}, "provider"),
        ({"model": "a\0"}, "model"),
        ({"last_day": date(2026, 9, 30)}, "last_day"),
        ({"last_day": date(2028, 1, 1)}, "last_day"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"amount_usd": Decimal(-1)}, "amount_usd"),
        ({"amount_usd": Decimal("NaN")}, "amount_usd"),
        ({"amount_usd": Decimal("1e12")}, "amount_usd"),
        ({"amount_usd": Decimal("1e-16")}, "amount_usd"),
    ],
)
def test_what_cannot_be_stored(changes: dict[str, object], path: str) -> None:
    assert [fault.path for fault in faults(replace(OCTOBER, **changes))] == [path]  # type: ignore[arg-type]
    assert faults(OCTOBER) == []


def test_months_are_not_set_off_against_each_other() -> None:
    rates = error_rates([compared("openai", 9, "100", "90"), compared("openai", 10, "100", "110")])

    assert rates is not None
    assert (rates.by_provider, rates.overall, rates.lines) == ({"openai": Decimal("0.1")}, Decimal("0.1"), 2)


def test_lines_of_a_month_are_added_up_first() -> None:
    rates = error_rates([compared("openai", 9, "100", "90"), compared("openai", 9, "100", "110")])

    assert rates is not None
    assert rates.overall == 0


def test_the_error_bar_is_the_sum_of_each_providers_error() -> None:
    rates = error_rates([compared("openai", 9, "100", "99"), compared("anthropic", 9, "300", "306")])
    assert rates is not None
    bar = rates.bar({"openai": Decimal(1000), "anthropic": Decimal(50), "groq": Decimal(400)})

    # openai 1 %, anthropic 2 %, groq as all together: 7 of 400.
    assert bar.error == Decimal(10) + Decimal(1) + Decimal(7)
    # 18 of 1450 is 1.241… %, shown no smaller than it is.
    assert (bar.percent, bar.covered_percent, bar.lines) == (Decimal("1.3"), Decimal(72), 2)


@pytest.mark.parametrize("lines", [[], [compared("openai", 9, "0", "5")]])
def test_nothing_billed_tells_nothing(lines: list[Compared]) -> None:
    assert error_rates(lines) is None


def test_a_total_of_nothing_has_no_error() -> None:
    rates = error_rates([compared("openai", 9, "100", "99")])
    assert rates is not None
    assert (rates.bar({}).percent, rates.bar({}).covered_percent) == (Decimal(0), Decimal(0))


CSV = "provider,model,first_day,last_day,amount_usd\n"


def test_a_file_is_read() -> None:
    (line,) = read_lines(
        f'\N{ZERO WIDTH NO-BREAK SPACE}{CSV}OpenAI,gpt-4.1,2026-10-01,2026-10-31,"$1,412.80"\n', most=5
    )

    assert line.number == 2
    assert line.billed == Billed("openai", "gpt-4.1", date(2026, 10, 1), date(2026, 10, 31), "UTC", Decimal("1412.80"))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("openai,,2026-10-01,2026-10-31", "amount_usd"),
        ("openai,,October,2026-10-31,5", "first_day 'October' is no day"),
        (",,2026-10-01,2026-10-31,5", "provider is required"),
        ("openai,,2026-10-01,2026-10-31,5\nopenai,x,2026-10-31,2026-10-31,5", "Another line of this file"),
    ],
)
def test_a_wrong_line_says_why(row: str, problem: str) -> None:
    assert problem in read_lines(f"{CSV}{row}\n", most=5)[-1].problem


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", CSV + "openai,,2026-10-01,2026-10-01,5\n" * 6])
def test_what_is_no_table_of_bills_is_refused(text: str) -> None:
    with pytest.raises(CsvError):
        read_lines(text, most=5)
