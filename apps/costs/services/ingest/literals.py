"""Bulk values as PostgreSQL's own array literals.

A JSON array differs from one in its brackets, and inside strings in control characters only; msgspec writes it much
faster than a driver adapts a list.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

to_json = msgspec.json.Encoder().encode


def array(values: Sequence[Any]) -> str:
    """Numbers, times or strings without control characters as a PostgreSQL array literal."""
    return "{" + to_json(values).decode()[1:-1] + "}"


def text_array(values: Sequence[str | None]) -> str | list[str | None]:
    """Any strings: as an array literal unless some string needs an escape that JSON writes differently."""
    literal = array(values)
    return list(values) if "\\" in literal else literal
