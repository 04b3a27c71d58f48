"""How far two prices of a model are apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from .pricing import Rate, Rates, RateSet, Tiered
from .pricing.units import INPUT, OUTPUT

RATIO_DECIMALS = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Jump:
    """The unit that changes most, and new by old; None where one of them is 0 or missing, which is no number."""

    unit: str
    ratio: Decimal | None


def rates_by_unit(rates: Rates) -> dict[str, Decimal]:
    """Every single rate of a price by a readable name: `input_tokens`, `input_tokens above 200000`, `batch: …`."""
    found = dict(_named("", rates.base))
    for name, tier in rates.service_tiers.items():
        found |= _named(f"{name}: ", tier.rates)
        if tier.multiplier != 1:
            found[f"{name}: all tokens, times"] = tier.multiplier
    for window in rates.windows:
        found |= _named(f"{_clock(window.start_minute)} to {_clock(window.end_minute)} UTC: ", window.rates)
    return found


def jump(before: Mapping[str, Decimal], after: Mapping[str, Decimal], limit: Decimal) -> Jump | None:
    """The largest change beyond the limit, in either direction; None when nothing goes beyond.

    A price that begins or ceases to be 0 is beyond any limit, as is the loss of the input or the output rate. Rates
    that come new beside others are no jump.
    """
    worst: Jump | None = None
    for unit, old in before.items():
        new = after.get(unit)
        if new is None:
            if unit in (INPUT, OUTPUT):
                return Jump(unit, None)
            continue
        if (old == 0) != (new == 0):
            return Jump(unit, None)
        if old and _size(new, old) > limit and (worst is None or _size(new, old) > _magnitude(worst.ratio)):
            worst = Jump(unit, ratio(new, old))
    return worst


def largest_difference(first: Mapping[str, Decimal], second: Mapping[str, Decimal]) -> Jump | None:
    """The unit both have on which they differ most, second by first; None when they agree on all."""
    return jump({unit: rate for unit, rate in first.items() if unit in second}, second, Decimal(1))


def ratio(new: Decimal, old: Decimal) -> Decimal:
    """New by old, to 6 decimals."""
    with localcontext(prec=60):
        return (new / old).quantize(RATIO_DECIMALS)


def _size(new: Decimal, old: Decimal) -> Decimal:
    with localcontext(prec=60):
        return max(new / old, old / new)


def _magnitude(found: Decimal | None) -> Decimal:
    return max(found, 1 / found) if found else Decimal("Infinity")


def _named(prefix: str, rates: RateSet) -> Iterator[tuple[str, Decimal]]:
    for unit, rate in rates.items():
        for above, value in _values(rate):
            if value is not None:
                yield f"{prefix}{unit}{f' above {above}' if above else ''}", value


def _values(rate: Rate | None) -> Iterator[tuple[int, Decimal | None]]:
    if isinstance(rate, Tiered):
        yield 0, rate.base
        yield from rate.above
    else:
        yield 0, rate


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
