"""JSON written narrow: lists of alike objects become one table. Every value stays; what all rows share is told once.

An object of alike objects is a table, too: `by` names the field that holds the keys. An empty cell is no value. A
column of lists of alike objects tells their fields with its name: `{legs:[train,leaves]}`.

The writing is JSON without the quotes that say nothing: `{user:mia_li,zip:"78750"}`. A text that could be taken for a
number, for `true`, `false` or `null`, or that holds a sign of the writing itself, keeps its quotes.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

MIN_ROWS = 2
_BARE = re.compile(r"[A-Za-z0-9_][\w .@:+/'-]*[\w.]|[A-Za-z0-9_]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS = ("true", "false", "null")
FIELDS, ROWS, ALL, BY, KEY = "fields", "rows", "in every row", "by", "key"
MOST_ABSENT = 0.4
"""With more empty cells than this share, a table would be longer than its objects."""
LEAST_SPARED = 40
"""An object of objects becomes a table when so many characters of repeated names are spared."""


def parse(text: str) -> Any | None:
    """The value of a text that is a JSON object or list, else None. Duplicate keys are left alone: None."""
    stripped = text.strip()
    if not stripped or stripped[0] not in "[{":
        return None
    try:
        return _DECODER.decode(stripped)
    except (ValueError, RecursionError):
        return None


def narrow(value: Any) -> Any:
    """The same with tables instead of lists of alike objects, at any depth."""
    if isinstance(value, dict):
        by_key = _by_key(value)
        if by_key is not None:
            return by_key
        return {name: narrow(part) if isinstance(part, _DEEP) else part for name, part in value.items()}
    if not isinstance(value, list):
        return value
    if (rows := _alike(value)) is not None:
        return _table(rows)
    if value and all(isinstance(group, list) and group for group in value):
        groups = [(number, row) for number, group in enumerate(value, 1) for row in group]
        flat = [{"group": number, **row} for number, row in groups if isinstance(row, dict) and "group" not in row]
        if len(flat) == len(groups) and (rows := _alike(flat)) is not None:
            return _table(rows)
    return [narrow(part) if isinstance(part, _DEEP) else part for part in value]


class Spelling(dict[str, str]):
    """How texts are written, each found out once."""

    def __missing__(self, text: str) -> str:
        spelled = self[text] = _text(text)
        return spelled


def written(value: Any, spelling: Spelling | None = None) -> str:
    """The value in one line, numbers exactly as they came. `spelling` serves for many values with the same names."""
    return str(_write(value, Spelling() if spelling is None else spelling))


def _write(value: Any, spelling: Spelling) -> str:
    if isinstance(value, dict):
        return f"{{{','.join([f'{spelling[name]}:{_write(part, spelling)}' for name, part in value.items()])}}}"
    if isinstance(value, list):
        # Rows of tables are texts and numbers, for which no call is made each.
        parts = [
            spelling[part] if (kind := type(part)) is str else part if kind is _Number else _write(part, spelling)
            for part in value
        ]
        return f"[{','.join(parts)}]"
    if isinstance(value, (_Number, _Absent)):
        return value
    return spelling[value] if isinstance(value, str) else json.dumps(value)


def is_number(value: Any) -> bool:
    """Whether a value was written as a number."""
    return isinstance(value, _Number)


class _Number(str):
    """A number as it was written: 1.10 stays 1.10, and a long one keeps every digit. A text is another value."""

    def __eq__(self, other: object) -> bool:
        return type(other) is _Number and str.__eq__(self, other)

    __hash__ = str.__hash__


class _Absent(str):
    """No value: an empty cell. It is like nothing else, not like an empty text either."""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = str.__hash__


ABSENT = _Absent()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


_DEEP = (dict, list)
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_Number, parse_int=_Number)


def _alike(items: Sequence[Any]) -> list[dict[str, Any]] | None:
    """The items as flat rows with the same fields in the same order, ABSENT where one has not what others have.

    None when they are not objects, or when more than `MOST_ABSENT` of the cells would be empty.
    """
    if len(items) < MIN_ROWS or not all(isinstance(item, dict) and item for item in items):
        return None
    rows: list[dict[str, Any]] = []
    for item in items:
        row: dict[str, Any] = {}
        # Two fields of one name, as those of {"a.b": 1, "a": {"b": 2}}, would be one.
        if _flatten(item, row) != len(row):
            return None
        rows.append(row)
    names = list(rows[0])
    if all(list(row) == names for row in rows):
        return rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    if sum(map(len, rows)) < len(names) * len(rows) * (1 - MOST_ABSENT):
        return None
    return [{name: row.get(name, ABSENT) for name in names} for row in rows]


def _flatten(item: dict[str, Any], row: dict[str, Any], prefix: str = "") -> int:
    """Put the fields of an item into a row, and tell how many they are."""
    told = 0
    for name, value in item.items():
        if isinstance(value, dict) and value:
            told += _flatten(value, row, f"{prefix}{name}.")
        else:
            row[f"{prefix}{name}"] = value
            told += 1
    return told


def _table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns = dict(zip(rows[0], zip(*map(dict.values, rows), strict=True), strict=True))
    shared = {
        name: narrow(column[0])
        for name, column in columns.items()
        if column[0] == column[-1] and column.count(column[0]) == len(rows)
    }
    own = [_column(name, column) for name, column in columns.items() if name not in shared]
    table: dict[str, Any] = {ALL: shared} if shared else {}
    cells = map(list, zip(*[column for _, column in own], strict=True)) if own else ([] for _ in rows)
    return table | {FIELDS: [name for name, _ in own], ROWS: list(cells)}


def _column(name: str, cells: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """A column's name and cells. Where all hold lists of alike objects, their fields are told once, with the name."""
    if not any(isinstance(cell, list) for cell in cells):
        return name, cells
    if all(isinstance(cell, list) for cell in cells) and (rows := _alike([row for cell in cells for row in cell])):
        left = iter(rows)
        return {name: list(rows[0])}, [[list(next(left).values()) for _ in cell] for cell in cells]
    return name, [narrow(cell) for cell in cells]


def _by_key(value: dict[str, Any]) -> dict[str, Any] | None:
    """An object of alike objects as a table, each with its key; None where that is not shorter."""
    rows = _alike(list(value.values())) if isinstance(next(iter(value.values()), None), dict) else None
    if rows is None:
        return None
    named = next((name for name in rows[0] if all(row[name] == key for key, row in zip(value, rows, strict=True))), KEY)
    if named == KEY:
        if KEY in rows[0]:
            return None
        rows = [{KEY: key, **row} for key, row in zip(value, rows, strict=True)]
    if (len(rows) - 1) * sum(len(name) + 1 for name in rows[0] if name != named) < LEAST_SPARED:
        return None
    return {BY: named} | _table(rows)


def _text(value: str) -> str:
    # Most names are plain words, which is seen sooner than a search finds it.
    if value.isidentifier() and value not in _WORDS:
        return value
    if _BARE.fullmatch(value) and not (value[0].isdigit() and _NUMBER.fullmatch(value)) and value not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
