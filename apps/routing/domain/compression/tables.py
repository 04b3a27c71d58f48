"""JSON written narrow: lists of alike objects become one table. Every value stays; what all rows share is told once.

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
FIELDS, ROWS, ALL = "fields", "rows", "in every row"


def parse(text: str) -> Any | None:
    """The value of a text that is a JSON object or list, else None. Duplicate keys are left alone: None."""
    stripped = text.strip()
    if not stripped or stripped[0] not in "[{":
        return None
    try:
        return json.loads(stripped, object_pairs_hook=_unique, parse_float=_Number, parse_int=_Number)
    except (ValueError, RecursionError):
        return None


def narrow(value: Any) -> Any:
    """The same with tables instead of lists of alike objects, at any depth."""
    if isinstance(value, dict):
        return {name: narrow(part) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    if (rows := _alike(value)) is not None:
        return _table(rows)
    if value and all(isinstance(group, list) for group in value):
        groups = [(number, row) for number, group in enumerate(value, 1) for row in group]
        flat = [{"group": number, **row} for number, row in groups if isinstance(row, dict) and "group" not in row]
        if len(flat) == len(groups) and (rows := _alike(flat)) is not None:
            return _table(rows)
    return [narrow(part) for part in value]


def written(value: Any) -> str:
    """The value in one line, numbers exactly as they came."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return f"{{{','.join([f'{_text(name)}:{written(part)}' for name, part in value.items()])}}}"
    if isinstance(value, list):
        return f"[{','.join([written(part) for part in value])}]"
    return json.dumps(value)


def is_number(value: Any) -> bool:
    """Whether a value was written as a number."""
    return isinstance(value, _Number)


class _Number(str):
    """A number as it was written: 1.10 stays 1.10, and a long one keeps every digit."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _alike(items: Sequence[Any]) -> list[dict[str, Any]] | None:
    """The items as flat rows with the same fields in the same order, or None."""
    if len(items) < MIN_ROWS or not all(isinstance(item, dict) and item for item in items):
        return None
    rows = [_flat(item) for item in items]
    names = list(rows[0])
    if any(list(row) != names for row in rows) or len(names) != len(set(names)):
        return None
    return rows


def _flat(item: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, dict) and value:
            row |= _flat(value, f"{prefix}{name}.")
        else:
            row[f"{prefix}{name}"] = narrow(value)
    return row


def _table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(rows[0])
    shared = {name: rows[0][name] for name in names if all(row[name] == rows[0][name] for row in rows)}
    own = [name for name in names if name not in shared]
    table: dict[str, Any] = {ALL: shared} if shared else {}
    return table | {FIELDS: own, ROWS: [[row[name] for name in own] for row in rows]}


def _text(value: str) -> str:
    if _BARE.fullmatch(value) and not (value[0].isdigit() and _NUMBER.fullmatch(value)) and value not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
