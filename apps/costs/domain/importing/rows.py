"""Rows of text files, one at a time: CSV with a header, JSON lines, or a JSON array of any size."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

from .shapes import BadFile, Item, TextSource, Unreadable

MAX_VALUE_CHARACTERS = 64 * 1024 * 1024
_CHUNK = 64 * 1024
# Exports of observability tools put whole prompts into one cell.
_MAX_CELL_CHARACTERS = 16 * 1024 * 1024

_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None)


class Broken:
    """A row that is not what it should be, with a sentence that says why."""

    def __init__(self, message: str, code: str = "damaged") -> None:
        self.message, self.code = message, code


def csv_rows(stream: TextSource, needed: tuple[str, ...] = ()) -> Iterator[dict[str, str] | Broken]:
    """The rows of a CSV by column name, with commas, tabs, or the semicolons of spreadsheets in half of Europe.

    A row with fewer or more cells than the header is Broken: it was cut off, or its cells stand under other names.
    Raises BadFile without a header that has the needed columns.
    """
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    header = stream.readline()
    reader = csv.DictReader(chain([header], stream), delimiter=max(",\t;", key=header.count), restkey="")
    try:
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise BadFile(f"The first line names no column {', '.join(missing)}: is this the right format?")
        wanted = len(reader.fieldnames or ())
        for row in reader:
            cells = sum(value is not None for name, value in row.items() if name != "")
            beyond = [value for value in row.pop("", None) or () if value]
            is_whole = cells == wanted and not beyond
            yield row if is_whole else Broken(f"The row has {cells + len(beyond)} cells, the first line {wanted}.")
    except csv.Error as error:
        raise BadFile(f"The CSV is damaged near line {reader.line_num}: {error}.") from error


def json_values(stream: TextSource) -> Iterator[Any]:
    """The values of a file of JSON lines, of one JSON array, or of JSON values after one another.

    Numbers with a point are Decimals. A line that is not JSON is given as Broken; a damaged array raises BadFile.
    """
    head = _head(stream)
    if not head:
        return
    if not head.startswith("[") and _is_json(head):
        yield from _lines(chain([head], stream))
    else:
        yield from _sequence(head, stream)


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
            except (ValueError, TypeError, AttributeError) as error:
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
    except ValueError:
        return False
    return True


def _lines(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        if line.strip():
            try:
                yield _decoder.decode(line)
            except ValueError as error:
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
