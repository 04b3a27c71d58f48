"""Bulk values as PostgreSQL's own array literals.

A JSON array differs from one in its brackets, and inside strings in control characters only; msgspec writes it much
faster than a driver adapts a list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apps.costs.domain.latency import COUNT_BITS

to_json = msgspec.json.Encoder().encode


def array(values: Sequence[Any]) -> str:
    """Numbers, times or strings without control characters as a PostgreSQL array literal."""
    return "{" + to_json(values).decode()[1:-1] + "}"


def text_array(values: Sequence[str | None]) -> str | list[str | None]:
    """Any strings: as an array literal unless some string needs an escape that JSON writes differently."""
    literal = array(values)
    return list(values) if "\\" in literal else literal


def big_array(values: Sequence[int]) -> str:
    """Integers of any size; femto-dollars of a batch may pass 64 bits."""
    return "{" + ",".join(map(str, values)) + "}"


def histogram_array(bins: Sequence[Mapping[int, int]]) -> str:
    texts = [
        "{" + ",".join([str((number << COUNT_BITS) + count) for number, count in found.items()]) + "}"
        if found
        else "{}"
        for found in bins
    ]
    return array(texts)


def sum_arrays(names: Sequence[str], rows: Sequence[Sequence[int]]) -> list[str]:
    columns = zip(*rows, strict=True)
    return [
        big_array(column) if name.endswith("_usd") else array(column)
        for name, column in zip(names, columns, strict=True)
    ]
