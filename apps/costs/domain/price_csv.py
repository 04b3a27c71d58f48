"""Own prices as lines of a CSV file, in both directions.

Amounts are USD per million tokens, fees per thousand. `from` and `until` are instants (2026-10-01T00:00:00Z) or local
days; `until` is the first that no longer counts. What has no column (rates above a threshold, service tiers, windows,
further units) stands in `more` as JSON.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from apps.access.domain.csv_cells import text_of

from .calendars import day_start
from .pricing import RateCard, Rates, Tiered
from .pricing.plain import RATE_DECIMALS, plain_rates, rates_from_plain
from .pricing.units import (
    CACHE_CREATION,
    CACHE_CREATION_1H,
    CACHE_READ,
    INPUT,
    OUTPUT,
    REASONING,
    REQUESTS,
    WEB_SEARCHES,
)
from .typed_numbers import plain_number

RATES = {
    "input": INPUT,
    "output": OUTPUT,
    "cached_input": CACHE_READ,
    "cache_write": CACHE_CREATION,
    "cache_write_1h": CACHE_CREATION_1H,
    "reasoning": REASONING,
    "web_searches": WEB_SEARCHES,
    "requests": REQUESTS,
}
COLUMNS = ("provider", "model", "source", "from", "until", *RATES, "more", "note")
_MOST = Decimal(10) ** 12
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PriceLine:
    """An own price as a line says it; `line` counts from 1, the heading included."""

    line: int
    provider: str
    model: str
    start: datetime | None
    end: datetime | None
    rates: Rates
    note: str


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that cannot be read, and why."""

    line: int
    message: str


def cells(rates: Rates) -> dict[str, str]:
    """The columns that say rates."""
    plain = plain_rates(rates)
    base = plain["base"]
    found = {column: base.pop(unit) for column, unit in RATES.items() if isinstance(base.get(unit), str)}
    rest = {name: value for name, value in plain.items() if value}
    return {**found, "more": json.dumps(rest, sort_keys=True) if rest else ""}


def read_lines(text: str, zone: ZoneInfo, most: int) -> Iterator[PriceLine | LineError | None]:
    """Each line of a file; None for a price that is not an own one: lists are not imported."""
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        if wrong := _heading_error(reader.fieldnames or ()):
            yield LineError(1, wrong)
            return
        for number, row in enumerate(reader):
            if number == most:
                yield LineError(reader.line_num, f"More than {most:,} lines at once.")
                return
            if any(row.pop(None, None) or ()):
                # A comma in a number that has no quotation marks moves all that follows.
                yield LineError(reader.line_num, "It has more cells than the heading.")
                continue
            yield _read(reader.line_num, {name: _plain(value) for name, value in row.items()}, zone)
    except csv.Error as error:
        yield LineError(reader.line_num + 1, f"This is no CSV: {error}.")


def _heading_error(names: Sequence[str]) -> str:
    if missing := sorted({"provider", "model"} - set(names)):
        return f"The heading has no column {' and '.join(missing)}."
    if unknown := sorted(set(names) - set(COLUMNS)):
        return f"No column is called {unknown[0][:40]!r}; known are {', '.join(COLUMNS)}."
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        return f"The heading has {' and '.join(twice)} twice: which of them counts?"
    return ""


def _read(line: int, row: Mapping[str, str], zone: ZoneInfo) -> PriceLine | LineError | None:
    if row.get("source", "") not in ("", "own"):
        return None
    try:
        start, end = (_moment(row.get(name, ""), name, zone) for name in ("from", "until"))
        if start is not None and end is not None and start >= end:
            raise ValueError("it must end after it begins")
        rates = _rates(row)
        return PriceLine(line, row["provider"], row["model"], start, end, rates, row.get("note", "")[:500])
    except ValueError as error:
        return LineError(line, f"{str(error)[:1].upper()}{str(error)[1:200]}.")


def _plain(value: Any) -> str:
    return text_of(value.strip()) if isinstance(value, str) else ""


def _moment(text: str, name: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        found = day_start(date.fromisoformat(text), zone) if len(text) == 10 else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is neither a day nor a time with an offset: {text[:40]!r}") from None
    if found.tzinfo is None:
        raise ValueError(f"{name} has no offset: {text[:40]!r}")
    if not _EARLIEST <= found <= _LATEST:
        raise ValueError(f"{name} is not between 1970 and 9000")
    return found.astimezone(UTC)


def _rates(row: Mapping[str, str]) -> Rates:
    base = {unit: _rate(row[column], column) for column, unit in RATES.items() if row.get(column)}
    more = _more(row.get("more", ""))
    rates = Rates({**base, **more.base}, more.service_tiers, more.windows)
    if not any(rates.base.get(unit) is not None for unit in (INPUT, OUTPUT, REQUESTS)):
        raise ValueError("it says neither what input, output nor a request costs; 0 is a price")
    RateCard(rates)
    return rates


def _rate(text: str, column: str) -> Decimal:
    try:
        rate = Decimal(plain_number(text))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not 0 <= rate < _MOST or rate != round(rate, RATE_DECIMALS):
        raise ValueError(f"{column} is no amount of at most {RATE_DECIMALS} decimals: {text[:40]!r}")
    return rate


def _more(text: str) -> Rates:
    if not text:
        return Rates({})
    try:
        found = json.loads(text)
        rates = rates_from_plain({"base": {}, "service_tiers": {}, "windows": [], **found})
    except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
        raise ValueError("more is not what an export writes there") from None
    if any(isinstance(rate, Tiered) and not rate.above for rate in rates.base.values()):
        raise ValueError("more has a tier without a threshold")
    return rates
