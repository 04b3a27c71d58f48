"""Rows of text files, one at a time: CSV with a header, JSON lines, or a JSON array of any size."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

from .shapes import BadFile, Item, TextSource, Unreadable

MAX_VALUE_CHARACTERS = 64 * 1024 * 1024
_CHUNK = 64 * 1024
# Exports of observability tools put whole prompts into one cell.
_MAX_CELL_CHARACTERS = 16 * 1024 * 1024

_BEYOND = "\0"
"""Where a row keeps what it has beyond the header: no column has this name."""

_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None)


class Broken:
    """A row that is not what it should be, with a sentence that says why."""

    def __init__(self, message: str, code: str = "damaged") -> None:
        self.message, self.code = message, code


class _KeptLines:
    """Lines, and those of them since the last row, so that a quotation mark that never closes is found out."""

    def __init__(self, first: str, rest: TextSource) -> None:
        self._lines = chain([first], rest)
        self.kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.kept.append(line)
            yield line

    def taken(self) -> list[str]:
        """The lines of the row that was read just now."""
        taken, self.kept = self.kept, []
        return taken


def csv_rows(stream: TextSource, needed: tuple[str, ...] = ()) -> Iterator[dict[str, str] | Broken]:
    """The rows of a CSV by column name, with commas, tabs, or the semicolons of spreadsheets in half of Europe.

    A row with fewer or more cells than the header is Broken: it was cut off, or its cells stand under other names. So
    is a last row whose quotation mark never closes: all behind the mark went into one cell.
    Raises BadFile without a header that has the needed columns, each once.
    """
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    header, skipped = _header(stream)
    lines, delimiter = _KeptLines(header, stream), max(",\t;", key=header.count)
    reader = csv.DictReader(lines, delimiter=delimiter, restkey=_BEYOND)
    try:
        _check_header(reader.fieldnames or (), needed)
        wanted, last, text = len(set(reader.fieldnames or ())), None, lines.taken()
        for row in reader:
            if last is not None:
                yield last
            text = lines.taken()
            end = reader.line_num + skipped
            last = _whole_row(row, wanted, (end - len(text) + 1, end))
        if last is not None:
            yield _unclosed((end - len(text) + 1, end)) if _is_open(text, delimiter) else last
    except csv.Error as error:
        raise BadFile(f"The CSV is damaged near line {reader.line_num + skipped}: {error}.") from error


def _header(stream: TextSource) -> tuple[str, int]:
    """The first line with something on it, and how many stood before it: empty ones, and Excel's `sep=;`."""
    skipped = 0
    for line in iter(lambda: stream.readline(_MAX_CELL_CHARACTERS), ""):
        if line.strip() and not line.lower().startswith(("sep=", '"sep=')):
            return line, skipped
        skipped += 1
    return "", skipped


def _check_header(names: Sequence[str], needed: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        raise BadFile(f"The first line names no column {', '.join(missing)}: is this the right format?")
    # Spreadsheets leave columns without a name behind the others.
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise BadFile(f"The first line names {', '.join(map(repr, twice))} twice: which of them counts?")


def _whole_row(row: dict[Any, Any], wanted: int, lines: tuple[int, int]) -> dict[str, str] | Broken:
    beyond = [value for value in row.pop(_BEYOND, ()) if value]
    cells = sum(value is not None for value in row.values())
    if cells == wanted and not beyond:
        return row
    first, last = lines
    where = f" (lines {first:,} to {last:,} of the file)" if last > first else f" (line {first:,} of the file)"
    return Broken(f"The row{where} has {cells + len(beyond)} cells, the first line {wanted}.")


def _is_open(text: list[str], delimiter: str) -> bool:
    """Whether a row ends inside quotation marks. One in the middle of a plain cell opens none."""
    try:
        list(csv.reader(text, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _unclosed(lines: tuple[int, int]) -> Broken:
    first, last = lines
    return Broken(f"A quotation mark opens in line {first:,} and never closes: lines {first:,} to {last:,} are lost.")


def json_values(stream: TextSource) -> Iterator[Any]:
    """The values of a file of JSON lines, of one JSON array, or of JSON values after one another.

    Numbers with a point are Decimals. A line that is not JSON is given as Broken; a damaged array raises BadFile.
    """
    head = _head(stream)
    if not head:
        return
    if head.startswith("["):
        yield from _sequence(head, stream)
        return
    second = "" if _is_json(head) else _head(stream)
    # A first line that is damaged must not cost the others: a second one that is a value by itself tells lines.
    if _is_json(head) or (second.startswith("{") and _is_json(second)):
        yield from _lines(chain([head, second], stream))
    else:
        yield from _sequence(head + second, stream)


def table(stream: TextSource, needed: tuple[str, ...] = ()) -> Iterator[Any]:
    """The rows of a CSV or of JSON, whichever the file is."""
    head = _head(stream)
    rest = _Rejoined(head, stream)
    return json_values(rest) if head.startswith(("[", "{")) else csv_rows(rest, needed)


def opened(rows: Iterator[Any], name: str = "data") -> Iterator[Any]:
    """The rows themselves; of pages of an API, which hold theirs as a list of this name, the rows inside."""
    for row in rows:
        inside = row.get(name) if isinstance(row, dict) else None
        if isinstance(inside, list):
            yield from inside
        else:
            yield row


def items(rows: Iterator[Any], read: Callable[[int, Mapping[str, Any]], Item]) -> Iterator[Item]:
    """Each row read by itself, numbered from 1: a row that cannot be read touches no other."""
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Broken):
            yield Unreadable(number, row.code, row.message)
        elif not isinstance(row, dict):
            yield Unreadable(number, "not_an_object", "The row is not an object.")
        else:
            try:
                yield read(number, row)
            except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
                yield Unreadable(number, "unreadable", f"{error}.")


def _head(stream: TextSource) -> str:
    """The first line with something on it."""
    for line in iter(lambda: stream.readline(MAX_VALUE_CHARACTERS), ""):
        if line.strip():
            return line.lstrip()
    return ""


def _is_json(line: str) -> bool:
    try:
        _decoder.decode(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        if line.strip():
            try:
                yield _decoder.decode(line)
            except (ValueError, RecursionError) as error:
                yield Broken(f"The line is not JSON: {error}.", "not_json")


def _sequence(text: str, stream: TextSource) -> Iterator[Any]:
    """Values out of a growing buffer; what was read is dropped at once."""
    is_array = text.startswith("[")
    text, place, step = text.removeprefix("["), 0, _CHUNK
    while True:
        place = _next_value(text, place)
        if place < len(text) and text[place] == "]" and is_array:
            return
        try:
            value, place = _decoder.raw_decode(text, place)
        except RecursionError as error:
            raise BadFile("One value is nested too deeply.") from error
        except ValueError as error:
            more = stream.read(step)
            if not more:
                if text[place:].strip() or is_array:
                    raise BadFile(f"The JSON ends early or is damaged: {error}.") from error
                return
            text, place, step = text[place:] + more, 0, step * 2
            if len(text) > MAX_VALUE_CHARACTERS:
                raise BadFile(f"One value is longer than {MAX_VALUE_CHARACTERS:,} characters.") from error
            continue
        step = _CHUNK
        yield value


def _next_value(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place


class _Rejoined:
    """A stream of which the first line was looked at already."""

    def __init__(self, head: str, stream: TextSource) -> None:
        self.head, self.stream = head, stream

    def readline(self, size: int = -1, /) -> str:
        head, self.head = self.head, ""
        return head or self.stream.readline(size)

    def read(self, size: int = -1, /) -> str:
        head, self.head = self.head, ""
        return head or self.stream.read(size)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")
