"""What identifies things in a result, the slots that a later call is filled from, and fields nobody referred to."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from . import tables
from .atoms import id_like

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+)?(?:Z|[+-]\d{2}:?\d{2})?")
_CODE = re.compile(r"[A-Z][A-Z0-9]{1,5}")
_NAME = re.compile(r"[A-Z][\w'’-]*(?: [A-Z][\w'’-]*){0,2}")
LEFT_OUT = "fields left out"
DAY = len("2024-05-20")
Said = Callable[[str], bool]


def identifies(value: Any) -> bool:
    """Whether a leaf names a thing, a person, a place or a day: an id, an address, a code, a short name, a date."""
    if not isinstance(value, str) or tables.is_number(value):
        return False
    return id_like(value) or any(form.fullmatch(value) for form in (_DATE, _CODE, _NAME))


def is_moment(text: str) -> bool:
    """Whether a text tells a time of a day: when something happened, which calls are seldom filled with."""
    return len(text) > DAY and _DATE.fullmatch(text) is not None


def leaves(value: Any) -> Iterator[Any]:
    """The single values of a narrow value, with the cells of its tables."""
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def told(value: Any, said: Said) -> Iterator[str]:
    """What identifies things in a narrow value and what was spoken of; rows of tables that were spoken of tell all."""
    if isinstance(value, dict):
        rows = value.get(tables.ROWS, ()) if tables.FIELDS in value else ()
        for name, part in value.items():
            if name not in (tables.FIELDS, tables.ROWS) or not rows:
                yield from told(part, said)
        for row in rows:
            yield from map(str, leaves(row)) if _is_meant(row, said) else told(row, said)
    elif isinstance(value, list):
        for part in value:
            yield from told(part, said)
    elif identifies(value) or said(str(value)):
        yield str(value)


def without_fields(value: Any, said: Said, *, numbers: bool) -> tuple[Any, int]:
    """A narrow value without fields that identify nothing and of which nothing was said, and how many went.

    `numbers` says whether numbers stay however little was said of them. Columns of tables go whole or not at all.
    """

    return _pruned(value, said, numbers)


def _pruned(value: Any, said: Said, numbers: bool) -> tuple[Any, int]:
    if isinstance(value, list):
        pairs = [_pruned(part, said, numbers) for part in value]
        return [part for part, _ in pairs], sum(gone for _, gone in pairs)
    if not isinstance(value, dict):
        return value, 0
    if tables.FIELDS in value and tables.ROWS in value:
        return _pruned_table(value, said, numbers)
    kept: dict[str, Any] = {}
    gone = 0
    for name, part in value.items():
        if _stays(part, said, numbers):
            kept[name], below = _pruned(part, said, numbers)
            gone += below
        else:
            gone += 1
    return kept, gone


def _pruned_table(table: dict[str, Any], said: Said, numbers: bool) -> tuple[dict[str, Any], int]:
    names, rows = table[tables.FIELDS], table[tables.ROWS]
    # Whoever names a row by its id may mean any amount in it.
    numbers = numbers or any(_is_meant(row, said) for row in rows)
    stays = [
        place
        for place, name in enumerate(names)
        if name == table.get(tables.BY) or any(_stays(row[place], said, numbers) for row in rows)
    ]
    shared, gone = _pruned(table.get(tables.ALL, {}), said, numbers)
    made = {name: part for name, part in table.items() if name != tables.ALL}
    made[tables.FIELDS] = [names[place] for place in stays]
    made[tables.ROWS] = [[row[place] for place in stays] for row in rows]
    return ({tables.ALL: shared} if shared else {}) | made, gone + len(names) - len(stays)


def _stays(part: Any, said: Said, numbers: bool) -> bool:
    if isinstance(part, (dict, list)):
        return any(_stays(leaf, said, numbers) for leaf in leaves(part))
    if tables.is_number(part):
        return numbers or said(part)
    return isinstance(part, str) and (identifies(part) or said(part))


def _is_meant(row: Any, said: Said) -> bool:
    return any(isinstance(cell, str) and id_like(cell) and said(cell) for cell in row)


def record_ids(value: Any) -> set[tuple[str, str]]:
    """The fields of a record that hold an id, with it; none for anything else."""
    if not isinstance(value, dict):
        return set()
    return {(name, part) for name, part in value.items() if isinstance(part, str) and id_like(part)}


def changes(value: Any, earlier: Any) -> dict[str, Any] | None:
    """The fields of a record that differ from an earlier reading of the same record; None for another one.

    Both are of one thing when a field of the same name holds the same id. Fields that are gone are null.
    """
    if not isinstance(value, dict) or not isinstance(earlier, dict) or tables.ROWS in value:
        return None
    same = [name for name, part in value.items() if name in earlier and earlier[name] == part]
    ids = [name for name in same if isinstance(value[name], str) and id_like(value[name])]
    if not ids or len(same) < 2:
        return None
    made = {name: part for name, part in value.items() if name == ids[0] or name not in same}
    return made | {name: None for name in earlier if name not in value}
