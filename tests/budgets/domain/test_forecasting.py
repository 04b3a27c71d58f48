"""Forecasts: by season, with an interval and an error from real tries, and silent without enough of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from apps.budgets.domain.forecasting import Ahead, Piece, expected, forecast

DAY = timedelta(days=1)
START = datetime(2026, 11, 2, tzinfo=UTC)


def history(days: int, weekend: str = "1", weekday: str = "5") -> list[Piece]:
    return [Piece(Decimal(weekend if day % 7 >= 5 else weekday), day % 7) for day in range(days)]


def days_ahead(first: int, many: int, share: str = "1") -> list[Ahead]:
    found = [Ahead(START + n * DAY, START + (n + 1) * DAY, n % 7) for n in range(first, first + many)]
    return [Ahead(found[0].starts_at, found[0].ends_at, found[0].season, Decimal(share)), *found[1:]]


def test_a_steady_week_is_forecast_exactly() -> None:
    found = forecast(history(28), days_ahead(28, 7, "0.5"), spent=Decimal(100), limit=Decimal(121))
    assert found is not None
    assert found.total == Decimal("124.5")
    assert (found.low, found.high) == (Decimal("124.5"), Decimal("124.5"))
    assert found.error == 0
    assert found.steps[:3] == (Decimal("102.5"), Decimal("107.5"), Decimal("112.5"))
    # Reached on the fifth day, which goes from 117.5 to 122.5: 3.5 of 5 into it.
    assert found.runs_out_at == START + 32 * DAY + timedelta(hours=16, minutes=48)


def test_a_limit_that_is_passed_or_never_reached_does_not_run_out() -> None:
    for spent, limit in ((100, 100), (100, 1000)):
        found = forecast(history(28), days_ahead(28, 7), spent=Decimal(spent), limit=Decimal(limit))
        assert found is not None
        assert found.runs_out_at is None


def test_the_interval_is_what_the_past_was_off_by() -> None:
    uneven = [Piece(Decimal(2 + day * day % 11), day % 7) for day in range(42)]
    found = forecast(uneven, days_ahead(42, 3), spent=Decimal(0), limit=Decimal(100))
    assert found is not None
    assert found.low < found.total < found.high
    assert found.error > Decimal("0.05")
    assert found.tests == 26


def test_too_little_says_nothing() -> None:
    assert forecast(history(13), days_ahead(13, 3), spent=Decimal(0), limit=Decimal(9)) is None
    assert forecast(history(26), days_ahead(26, 14), spent=Decimal(0), limit=Decimal(9)) is None
    assert (
        forecast([Piece(Decimal(0), n % 7) for n in range(40)], days_ahead(40, 3), spent=Decimal(0), limit=Decimal(9))
        is None
    )
    assert forecast(history(28), [], spent=Decimal(0), limit=Decimal(9)) is None


def test_a_season_needs_two_of_its_own() -> None:
    pieces = [Piece(Decimal(n), n) for n in (1, 2, 3, 4, 5)]
    assert expected(pieces, 9) == Decimal("3.5")
    assert expected([*pieces, Piece(Decimal(7), 5)], 5) == 6
