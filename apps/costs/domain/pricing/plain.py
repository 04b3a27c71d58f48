"""Rates as plain data (strings, lists, dicts), as they are stored and sent; exact in both directions."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from .rates import Rate, Rates, RateSet, ServiceTier, Tiered, Window

# Finer rates would need more than 15 decimals for a single token.
RATE_DECIMALS = 9
_STEP = Decimal(1).scaleb(-RATE_DECIMALS)

Plain = dict[str, Any]


def rate_text(rate: Decimal) -> str:
    """A rate without exponent and trailing zeros: 2.50 -> "2.5", 1E+2 -> "100"."""
    text = format(rate, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_rate(rate: Rate | None) -> Any:
    """A rate as a string, a tiered one as {"base", "above": [[threshold, rate], …]}."""
    if not isinstance(rate, Tiered):
        return None if rate is None else rate_text(rate)
    base = None if rate.base is None else rate_text(rate.base)
    return {"base": base, "above": [[threshold, rate_text(above)] for threshold, above in rate.above]}


def rate_from_plain(plain: Any) -> Rate | None:
    """The inverse of `plain_rate`."""
    if not isinstance(plain, Mapping):
        return None if plain is None else Decimal(plain)
    base = None if plain["base"] is None else Decimal(plain["base"])
    return Tiered(base, tuple((threshold, Decimal(above)) for threshold, above in plain["above"]))


def plain_rates(rates: Rates) -> Plain:
    """All of a price but its overall multiplier, ready for JSON."""
    return {
        "base": _plain_set(rates.base),
        "service_tiers": {
            name: {"rates": _plain_set(tier.rates), "multiplier": rate_text(tier.multiplier)}
            for name, tier in rates.service_tiers.items()
        },
        "windows": [
            {"start": _clock(window.start_minute), "end": _clock(window.end_minute), "rates": _plain_set(window.rates)}
            for window in rates.windows
        ],
    }


def rates_from_plain(plain: Mapping[str, Any]) -> Rates:
    """The inverse of `plain_rates`."""
    return Rates(
        base=_set_from_plain(plain["base"]),
        service_tiers={
            name: ServiceTier(_set_from_plain(tier["rates"]), Decimal(tier["multiplier"]))
            for name, tier in plain["service_tiers"].items()
        },
        windows=tuple(
            Window(_minute(window["start"]), _minute(window["end"]), _set_from_plain(window["rates"]))
            for window in plain["windows"]
        ),
    )


def rounded(plain: Any, path: str = "") -> tuple[Any, dict[str, str]]:
    """Plain rates with every rate rounded half-even to 9 decimals, and the own text of those that changed."""
    if isinstance(plain, str):
        rate = _round(plain)
        return (plain, {}) if rate is None else (rate_text(rate), {path: plain})
    originals: dict[str, str] = {}

    def within(value: Any, step: object) -> Any:
        result, found = rounded(value, f"{path}.{step}" if path else str(step))
        originals.update(found)
        return result

    if isinstance(plain, Mapping):
        # A multiplier is no rate: arithmetic takes it exactly, whatever its decimals.
        return {key: value if key == "multiplier" else within(value, key) for key, value in plain.items()}, originals
    if isinstance(plain, list):
        return [within(value, index) for index, value in enumerate(plain)], originals
    return plain, originals


def _round(text: str) -> Decimal | None:
    """The rounded rate; None when nothing is to be rounded, as in the clock of a window."""
    if ":" in text:
        return None
    exact = Decimal(text)
    near = exact.quantize(_STEP, rounding=ROUND_HALF_EVEN)
    return None if near == exact else near


def _plain_set(rates: RateSet) -> Plain:
    return {unit: plain_rate(rate) for unit, rate in rates.items()}


def _set_from_plain(plain: Mapping[str, Any]) -> RateSet:
    return {unit: rate_from_plain(rate) for unit, rate in plain.items()}


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
