"""Rates compiled to whole numbers, for one service tier, one time of day and one size of input."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from .rates import RateSet, Tiered
from .units import (
    CACHE_CREATION,
    CACHE_CREATION_1H,
    CACHE_READ,
    DIRECTIONS,
    INPUT,
    MEDIA,
    OUTPUT,
    REASONING,
    REQUESTS,
    WEB_SEARCHES,
    Direction,
    is_token_unit,
    named_parts,
)

# Why an amount is an assumption, as bits. A part without a rate of its own was billed at its parent's.
ASSUMED_CACHE_READ = 1
ASSUMED_CACHE_CREATION = 2
ASSUMED_CACHE_CREATION_1H = 4
ASSUMED_REASONING = 8
ASSUMED_PART = 16
# Cached and audio tokens (and the like) must overlap, but by how much was not reported: the least possible was taken.
ASSUMED_OVERLAP = 32
# The price knows no such service tier: billed as standard.
ASSUMED_SERVICE_TIER = 64

MISSING_INPUT = 1
MISSING_OUTPUT = 2
# Billed by the hour, page or character only: no call of such a model can be priced, not even one without tokens.
MISSING_ALL = 4

# 1 USD is 10^15 femto-dollars.
_FEMTO_PER_MTOK_USD = 10**9
_FEMTO_PER_THOUSAND_USD = 10**12


@dataclass(frozen=True, slots=True)
class Band:
    """Whole-number rates: `tokens * rate // divisor` femto-dollars, the division left to the end.

    The divisor is 1 unless a rate has more than 9 decimals per million tokens. `hot` is what the plain
    calculation needs, in its order; `own` has every unit with a rate of its own, `apart` the named parts of a direction
    that are billed apart: those with a rate, and media, so that an explanation shows them.
    """

    hot: tuple[int, int, int, int, int, int, int, int, int, int, int]
    own: Mapping[str, int]
    apart: Mapping[Direction, frozenset[str]]
    divisor: int


def compile_band(rates: RateSet, input_tokens: int, multiplier: Decimal) -> Band:
    """Compile the rates that hold for a request of that many input tokens.

    Raises ValueError naming the unit when a rate is negative or not finite, or a token unit is part of no total.
    """
    usd = {unit: rate for unit, rate in _rates_at(rates, input_tokens).items() if rate is not None}
    exact = {unit: _femto(unit, rate, multiplier) for unit, rate in usd.items()}
    divisor = lcm(*(rate.denominator for rate in exact.values()))
    own = {unit: int(rate * divisor) for unit, rate in exact.items()}
    apart = {direction: MEDIA | named_parts(direction, own) for direction in DIRECTIONS}
    return Band(_hot(own, divisor), own, apart, divisor)


def _rates_at(rates: RateSet, input_tokens: int) -> dict[str, Decimal | None]:
    return {unit: rate.at(input_tokens) if isinstance(rate, Tiered) else rate for unit, rate in rates.items()}


def _femto(unit: str, rate: Decimal, multiplier: Decimal) -> Fraction:
    if not rate.is_finite() or rate < 0:
        raise ValueError(f"{unit}: a rate is a finite number of USD, 0 or more, got {rate}")
    if is_token_unit(unit):
        return Fraction(rate) * Fraction(multiplier) * _FEMTO_PER_MTOK_USD
    return Fraction(rate) * _FEMTO_PER_THOUSAND_USD


def _hot(own: Mapping[str, int], divisor: int) -> tuple[int, int, int, int, int, int, int, int, int, int, int]:
    """Rates in the order of the plain calculation, missing parts at their parent's rate, and the two bit sets."""
    read_input, written = own.get(INPUT, 0), own.get(OUTPUT, 0)
    creation = own.get(CACHE_CREATION, read_input)
    assumable = (
        (ASSUMED_CACHE_READ if CACHE_READ not in own else 0)
        | (ASSUMED_CACHE_CREATION if CACHE_CREATION not in own else 0)
        | (ASSUMED_CACHE_CREATION_1H if CACHE_CREATION_1H not in own else 0)
        | (ASSUMED_REASONING if REASONING not in own else 0)
    )
    missing = (MISSING_INPUT if INPUT not in own else 0) | (MISSING_OUTPUT if OUTPUT not in own else 0)
    if own.keys().isdisjoint((INPUT, OUTPUT, WEB_SEARCHES, REQUESTS)):
        missing |= MISSING_ALL
    return (
        read_input,
        own.get(CACHE_READ, read_input),
        creation,
        own.get(CACHE_CREATION_1H, creation),
        written,
        own.get(REASONING, written),
        own.get(WEB_SEARCHES, 0),
        own.get(REQUESTS, 0),
        assumable,
        missing,
        divisor,
    )
