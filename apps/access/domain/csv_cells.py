"""Cells a spreadsheet cannot take for a formula (RFC 4180 quoting is the csv module's; this is CWE-1236).

What is written can be read back: `text_of` gives the text that `cell` was given.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

# Text that begins with what begins a formula, after any number of apostrophes, so that none is taken off in vain.
_DANGEROUS = re.compile("'*[=+\\-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}]")


def cell(value: Any) -> str:
    """The text of one cell: numbers stay plain numbers, times are ISO in UTC, dangerous text gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    text = str(value).replace("\0", "")
    return f"'{text}" if _DANGEROUS.match(text) else text


def text_of(cell: str) -> str:
    """The text of a cell, without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell) else cell
