"""Cells a spreadsheet cannot take for a formula (RFC 4180 quoting is the csv module's; this is CWE-1236)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}")


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
    return f"'{text}" if text.startswith(_DANGEROUS) else text
