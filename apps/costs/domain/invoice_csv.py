"""Billed lines as CSV: what is written can be read again, and every line that is wrong says why."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from io import StringIO

from apps.access.domain.csv_cells import text_of

from .invoicing import Billed, faults
from .typed_numbers import plain_number

COLUMNS = ("provider", "model", "first_day", "last_day", "zone", "amount_usd", "note")
REQUIRED = ("provider", "first_day", "last_day", "amount_usd")


class CsvError(ValueError):
    """The text is no table of billed lines; the message is for the person who sent it."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of the file by its number, counted from 1 with the heading: what was billed, or what is wrong."""

    number: int
    billed: Billed | None
    problem: str = ""


def read_lines(text: str, *, most: int) -> list[ReadLine]:
    """Every line of a CSV with a heading. Raises CsvError for a heading that lacks a column, or too many lines."""
    reader = csv.DictReader(StringIO(text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}"), newline=""))
    try:
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
        if missing:
            raise CsvError(
                f"The first line must name the columns {', '.join(REQUIRED)}; missing: {', '.join(missing)}."
            )
        if twice := [name for name in COLUMNS if (reader.fieldnames or []).count(name) > 1]:
            raise CsvError(f"The first line names {', '.join(twice)} twice: which of them counts?")
        rows: list[tuple[int, dict[str, str]]] = []
        for row in reader:
            if len(rows) == most:
                raise CsvError(f"At most {most} lines at once (BURSAR_INVOICE_MAX_LINES).")
            beyond = any(row.pop(None, None) or ())
            cells = {key: text_of((value or "").strip()) for key, value in row.items() if key}
            rows.append((reader.line_num, {} if beyond else cells))
    except csv.Error as error:
        raise CsvError(f"This is no CSV: {error}.") from error
    return list(_marked(rows))


def _marked(rows: Sequence[tuple[int, dict[str, str]]]) -> Iterator[ReadLine]:
    taken: list[Billed] = []
    for number, row in rows:
        line = _line(number, row)
        if line.billed is not None and any(line.billed.overlaps(other) for other in taken):
            line = ReadLine(number, None, "Another line of this file covers the same days.")
        if line.billed is not None:
            taken.append(line.billed)
        yield line


def _line(number: int, row: dict[str, str]) -> ReadLine:
    if not row:
        # A comma in an amount that has no quotation marks moves all that follows.
        return ReadLine(number, None, "The line has more cells than the first one.")
    try:
        billed = Billed(
            provider=row["provider"],
            model=row.get("model", ""),
            first_day=_day(row["first_day"], "first_day"),
            last_day=_day(row["last_day"], "last_day"),
            zone=row.get("zone") or "UTC",
            amount_usd=_amount(row["amount_usd"]),
            note=row.get("note", ""),
        )
    except CsvError as error:
        return ReadLine(number, None, str(error))
    found = faults(billed)
    return ReadLine(number, None, found[0].message) if found else ReadLine(number, billed.cleaned())


def _day(text: str, column: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CsvError(f"{column} {text[:40]!r} is no day like 2026-11-01.") from error


def _amount(text: str) -> Decimal:
    try:
        return Decimal(plain_number(text))
    except InvalidOperation as error:
        raise CsvError(f"amount_usd {text[:40]!r} is no amount like 412.80.") from error
