"""Values as exports write them, turned into what a usage record holds. Each raises ValueError with a sentence."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from apps.costs.domain.usage import MAX_TAGS

LONGEST = 128
SERVICE_TIERS = {"batch": "batch", "flex": "flex", "priority": "priority", "fast": "priority"}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,2})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NUMBER = Decimal("1e20")
_MOST_DIGITS = 15
_UNITS_SINCE_1970 = (
    (Decimal("1e17"), Decimal("0.001")),
    (Decimal("1e14"), Decimal(1)),
    (Decimal("1e11"), Decimal(1000)),
    (Decimal(0), Decimal(1_000_000)),
)
"""From which size on a number counts nano-, micro- and milliseconds, and how many microseconds one of them is."""
_FEMTO = Decimal("1E-15")
_MAX_YEAR = 9998


def whole(value: Any, name: str) -> int:
    """A count. Spreadsheets write "5760.0", databases null: nothing is 0."""
    if value is None or value == "":
        return 0
    try:
        number = Decimal(str(value))
        # The size is looked at before all else: "1e999999999" as an int would fill the memory.
        if isinstance(value, bool) or not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
            raise ValueError
        if number != number.to_integral_value():
            raise ValueError
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"{name} is not a whole number: {_shown(value)}") from error
    return int(number)


def money(value: Any, name: str) -> Decimal | None:
    """An amount of USD, exactly as written, rounded once to 15 decimals; None when the source has none."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{name} is not an amount: {_shown(value)}") from error
    if not amount.is_finite() or amount < 0 or amount >= 10**12:
        raise ValueError(f"{name} is not an amount of money that can be billed: {_shown(value)}")
    return amount.quantize(_FEMTO, ROUND_HALF_EVEN)


def money_text(amount: Decimal) -> str:
    """An amount as the API takes it: digits without an exponent."""
    return format(amount, "f")


def moment(value: Any, name: str) -> datetime:
    """A time: ISO 8601 (UTC where no offset is written), or seconds since 1970, or milli-, micro- or nanoseconds."""
    try:
        if isinstance(value, int | Decimal) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
            found = _since_1970(Decimal(value))
        else:
            found = datetime.fromisoformat(str(value).strip().removesuffix(" UTC"))
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        if found.year > _MAX_YEAR:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, ArithmeticError, OSError) as error:
        raise ValueError(f"{name} is not a time: {_shown(value)}") from error


def _since_1970(number: Decimal) -> datetime:
    """Which unit a number has, its size tells: as seconds, 100 billion of them are the year 5138."""
    if not number.is_finite() or abs(number) >= _MOST_NUMBER:
        raise ValueError
    microseconds = next(scale for least, scale in _UNITS_SINCE_1970 if abs(number) >= least)
    return _EPOCH + timedelta(microseconds=int(number * microseconds))


def milliseconds(start: datetime, end: Any, name: str) -> int | None:
    """The time from a start to a written end; None without an end, or when it lies before the start."""
    if end is None or end == "":
        return None
    passed = (moment(end, name) - start) // timedelta(milliseconds=1)
    return passed if passed >= 0 else None


def text(value: Any) -> str | None:
    """A name of at most 128 characters; None when there is none. Longer ones are cut.

    Half a pair of UTF-16, as a cut-off emoji leaves it in JSON, becomes a question mark: no database takes it.
    """
    if value is None:
        return None
    found = str(value).replace("\0", "").encode(errors="replace").decode().strip()
    return found[:LONGEST] or None


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, also when it was written as JSON into a CSV cell or a JSON string; {} for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=Decimal)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """A list, also when it was written as JSON into a CSV cell or a JSON string; [] for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=Decimal)
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def tags(pairs: Mapping[str, Any], labels: Iterable[Any] = ()) -> dict[str, str] | None:
    """Tags of a record: named values, then free labels. `team:blue` is team = blue, a plain `urgent` is urgent = yes.

    What passes the limit of a record is dropped, the last first.
    """
    found = {name: value for name, raw in pairs.items() if (value := text(raw))}
    for label in labels:
        name, colon, value = str(label).partition(":")
        key = text(name)
        if key and key not in found:
            found[key] = (text(value) if colon else None) or "yes"
    return dict(list(found.items())[:MAX_TAGS]) or None


def present(**fields: Any) -> dict[str, Any]:
    """Only the fields that say something: not None, not "", not 0, not False."""
    return {name: value for name, value in fields.items() if value}


def first(row: Mapping[str, Any], *names: str) -> Any:
    """The first of several spellings of a field that the row has with a value."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _shown(value: Any) -> str:
    return repr(str(value)[:40])
