"""How numbers are written for a person's eye. Values come in exact and are rounded here, once, after summing.

Machines get the full decimal (API, CSV); nothing in here is ever parsed back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

NONE = "\u2013"
MINUS = "\u2212"
_SMALLEST = Decimal("0.000001")
_CENT = Decimal("0.01")
_CARD_SHORT = Decimal(100_000)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def _fixed(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _two_significant(value: Decimal) -> int:
    """Decimals needed to show two significant digits of a value below one."""
    return 1 - value.adjusted()


def _money_decimals(value: Decimal) -> int:
    if value >= 1:
        return 2
    return 4 if value >= _CENT else _two_significant(value)


def money(usd: Decimal | None) -> str:
    """US dollars as text: "$0", "<$0.000001", two significant digits below a cent, 4 decimals below $1, then 2.

    A non-zero amount never reads as zero. An unknown amount (None) reads "unknown".
    """
    if usd is None:
        return "unknown"
    if usd < 0:
        return MINUS + money(-usd)
    if usd == 0:
        return "$0"
    if usd < _SMALLEST:
        return "<$0.000001"
    rounded = _fixed(usd, _money_decimals(usd))
    return f"${rounded:,.{_money_decimals(rounded)}f}"


def money_card(usd: Decimal | None) -> str:
    """Like money(), but from $100,000 on in four significant digits: "$128.4k", "$1.284M"."""
    if usd is None or abs(usd) < _CARD_SHORT:
        return money(usd)
    return f"{MINUS if usd < 0 else ''}${_short(abs(usd))}"


def money_exact(usd: Decimal | None) -> str:
    """The full decimal, with separators: for titles, where every digit may be read."""
    if usd is None:
        return "unknown"
    whole, _, part = f"{abs(usd):,f}".partition(".")
    return f"{MINUS if usd < 0 else ''}${whole}.{part.rstrip('0').ljust(2, '0')}"


def in_currency(amount: Decimal, currency: str) -> str:
    """An amount of another currency, with its code: "7.40 EUR"."""
    return f"{money(amount).replace('$', '')} {currency}"


def money_column(values: Sequence[Decimal | None]) -> list[str]:
    """Amounts of one table column, all with the same number of decimals.

    A non-zero amount too small for the column's precision reads "<$0.0001", never "$0.0000".
    """
    decimals = _column_decimals([abs(value) for value in values if value])
    unit = Decimal(1).scaleb(-decimals)
    return [_in_column(value, decimals, unit) for value in values]


def _column_decimals(amounts: list[Decimal]) -> int:
    if not amounts:
        return 2
    least, most = min(amounts), max(amounts)
    if most < _CENT:
        return min(_two_significant(least), 8)
    return 2 if most >= 1 and least >= _CENT else 4


def _in_column(value: Decimal | None, decimals: int, unit: Decimal) -> str:
    if not value:
        return money(value)
    sign, amount = (MINUS, -value) if value < 0 else ("", value)
    if 0 < amount < unit:
        return f"{sign}<${unit:f}"
    return f"{sign}${_fixed(amount, decimals):,f}"


def _short(value: Decimal) -> str:
    """Four significant digits with k, M or G: 128412 -> "128.4k"."""
    for size, letter in ((9, "G"), (6, "M"), (3, "k")):
        # 999,950 would round to "1000.0k": the next letter takes it.
        if value >= Decimal(10) ** size * Decimal("0.99995"):
            scaled = value.scaleb(-size)
            return f"{_fixed(scaled, 3 - max(scaled.adjusted(), 0)):f}{letter}"
    return f"{value:,f}"


def count(number: int | None) -> str:
    """A whole number with thousands separators; None reads as a dash."""
    return NONE if number is None else f"{number:,d}"


def some(number: int, one: str, many: str = "") -> str:
    """A count of things in words: "1 day", "1,200 days"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def count_card(number: int) -> str:
    """Like count(), but from 100,000 on in four significant digits: "1.284M"."""
    return count(number) if number < 100_000 else _short(Decimal(number))


def tokens(number: int | None) -> str:
    """Tokens in four significant digits from 10,000 on ("12.35k"), below that in full."""
    if number is None or number < 10_000:
        return count(number)
    return _short(Decimal(number))


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """part / whole as a percentage with one decimal; only the whole reads "100%", only nothing "0%"."""
    if not whole:
        return NONE
    share = Decimal(part) * 100 / Decimal(whole)
    if share < 0:
        return MINUS + percent(-part, whole)
    if 0 < share < Decimal("0.1"):
        return "<0.1%"
    if Decimal("99.9") < share < 100:
        return ">99.9%"
    return f"{_fixed(share, 1):f}%" if 0 < share < 100 else f"{share:.0f}%"


def duration(milliseconds: float | Decimal | None) -> str:
    """A duration in its natural unit: "840 ms", "2.4 s", "1 min 15 s", "2 h 5 min"."""
    if milliseconds is None:
        return NONE
    exact = Decimal(str(milliseconds))
    if exact < Decimal("999.5"):
        return f"{_fixed(exact, 0)} ms"
    if exact < Decimal("59950"):
        return f"{_fixed(exact / 1000, 1 if exact >= 9950 else 2):f} s"
    seconds = int(_fixed(exact / 1000, 0))
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE} s"
    return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"


def ago(moment: datetime, now: datetime) -> str:
    """How long before `now` a moment was, in its largest unit: "4 s ago", "3 min ago", "in 2 h"."""
    seconds = int((now - moment).total_seconds())
    size = abs(seconds)
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        if size >= unit or unit == 1:
            words = f"{size // unit} {name}"
            return f"in {words}" if seconds < 0 else f"{words} ago"
    raise AssertionError("the last unit takes every size")


@dataclass(frozen=True, slots=True)
class Delta:
    """How a figure moved: "up", "down" or "same", the words that say it without an arrow, and how to go on from them.

    Read as "{words} {joint} {what it is compared with}": "16% more than Nov 8 - 14".
    """

    direction: str
    words: str
    joint: str = "than"


def delta(current: Decimal | int, previous: Decimal | int) -> Delta | None:
    """The change from `previous` in words; None where a comparison would say nothing (both zero)."""
    if not current and not previous:
        return None
    if not previous:
        return Delta("up", "new", "against")
    share = (Decimal(current) - Decimal(previous)) * 100 / Decimal(previous)
    size = _fixed(abs(share), 1 if abs(share) < Decimal("9.95") else 0)
    if not size:
        return Delta("same", "unchanged", "from")
    if share > 999:
        return Delta("up", f"{_fixed(Decimal(current) / Decimal(previous), 0):,f} times as much", "as")
    return Delta("up", f"{size:f}% more") if share > 0 else Delta("down", f"{size:f}% less")
