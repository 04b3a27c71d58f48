"""Questions asked before a price is saved: was it meant per token or per thousand, or is it really that different?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from .money_format import format_money
from .price_words import unit_words
from .pricing.units import is_token_unit

BIG_CHANGE = Decimal(5)
# No public price per million tokens is below this; a price per token always is.
PER_TOKEN_BELOW = Decimal("0.001")
# Fewer than one in a hundred input and output prices of the public lists is below this; a price per thousand is.
PER_THOUSAND_BELOW = Decimal("0.01")
_WHOLE_UNITS = ("input_tokens", "output_tokens")
_SLIPS = (("per token", Decimal(10**6)), ("per 1,000 tokens", Decimal(10**3)))
# A slip of a factor 1,000 or 1,000,000 need not hit it exactly: the price may have changed as well.
_NEAR = Decimal(3)

Flat = Mapping[str, Decimal]
"""USD by unit: per million tokens, per thousand of anything else."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A rate that looks wrong. `instead` is what was perhaps meant, None where nothing can be guessed."""

    unit: str
    code: str
    message: str
    instead: Decimal | None = None

    @property
    def label(self) -> str:
        """The unit as a person reads it."""
        return unit_words(self.unit)


def doubts(new: Flat, standing: Flat, listed: Flat | None = None) -> list[Doubt]:
    """What to ask about new rates, at most one thing a unit.

    `standing` are the rates that hold now, `listed` those of a public list; the latter tell a slip of units better.
    """
    found = [_doubt(unit, rate, standing.get(unit), (listed or {}).get(unit)) for unit, rate in new.items()]
    return [doubt for doubt in found if doubt]


def _doubt(unit: str, rate: Decimal, standing: Decimal | None, listed: Decimal | None) -> Doubt | None:
    if is_token_unit(unit) and rate and (slip := _slip(unit, rate, listed or standing)):
        return slip
    if standing and (rate > standing * BIG_CHANGE or rate * BIG_CHANGE < standing):
        return Doubt(unit, "big_change", f"{_usd(rate)} instead of {_usd(standing)} is {_times(rate, standing)}.")
    if standing == 0 and rate:
        return Doubt(unit, "big_change", f"{_usd(rate)} instead of $0: it was free until now.")
    return None


def _slip(unit: str, rate: Decimal, standing: Decimal | None) -> Doubt | None:
    for words, factor in _SLIPS:
        if standing and _is_near(rate * factor, standing):
            message = f"{_usd(rate)} looks like a price {words}; per million tokens that is {_usd(rate * factor)}."
            return Doubt(unit, "unit_too_small", message, rate * factor)
        if standing and _is_near(rate, standing * factor):
            instead = rate / factor
            message = f"{_usd(rate)} is about {factor:,} times {_usd(standing)}; was {_usd(instead)} meant?"
            return Doubt(unit, "unit_too_large", message, instead)
    if rate < PER_TOKEN_BELOW:
        instead = rate * 10**6
        message = f"{_usd(rate)} per million tokens looks like a price per token; that would be {_usd(instead)}."
        return Doubt(unit, "unit_too_small", message, instead)
    if standing is None and unit in _WHOLE_UNITS and rate < PER_THOUSAND_BELOW:
        instead = rate * 10**3
        message = (
            f"{_usd(rate)} per million tokens is less than 99 of 100 listed prices and looks like a price per 1,000"
            f" tokens; that would be {_usd(instead)}."
        )
        return Doubt(unit, "unit_too_small", message, instead)
    return None


def _is_near(one: Decimal, other: Decimal) -> bool:
    return other <= one * _NEAR and one <= other * _NEAR


def _times(rate: Decimal, standing: Decimal) -> str:
    if rate == 0:
        return "nothing at all"
    return f"{rate / standing:,.1f} times as much" if rate > standing else f"1/{standing / rate:,.1f} of it"


def _usd(rate: Decimal) -> str:
    return f"${format_money(rate)}"
