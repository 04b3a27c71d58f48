"""A price as plain data: what a provider's price page says, before it is compiled.

Rates of token units are USD per million tokens, rates of all other units USD per thousand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Tiered:
    """A rate that depends on the size of the whole input, cached tokens included.

    `above` holds (threshold, rate), ascending; the last one whose threshold is below the input holds for all tokens
    of the request. `base` is None when the unit has a rate of its own only above a threshold.
    """

    base: Decimal | None
    above: tuple[tuple[int, Decimal], ...]

    def at(self, input_tokens: int) -> Decimal | None:
        """The rate for a request with that many input tokens: strictly more than the threshold pays the tier."""
        rate = self.base
        for threshold, tier_rate in self.above:
            if input_tokens > threshold:
                rate = tier_rate
        return rate


Rate = Decimal | Tiered
# None in an override says: in this window or tier the unit has no rate of its own.
RateSet = Mapping[str, Rate | None]


@dataclass(frozen=True, slots=True)
class ServiceTier:
    """What batch, flex or priority changes: some rates, or all token rates by a factor."""

    rates: RateSet = field(default_factory=dict)
    multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Window:
    """Rates of some minutes of every UTC day, [start, end); an end before the start wraps past midnight."""

    start_minute: int
    end_minute: int
    rates: RateSet

    def __post_init__(self) -> None:
        if not (0 <= self.start_minute < 1440 and 0 <= self.end_minute <= 1440):
            raise ValueError(f"a window runs from 0 to 1440 minutes, got {self.start_minute} to {self.end_minute}")

    def holds(self, minute_of_day: int) -> bool:
        """Whether the minute lies in the window."""
        if self.end_minute < self.start_minute:
            return minute_of_day >= self.start_minute or minute_of_day < self.end_minute
        return self.start_minute <= minute_of_day < self.end_minute


@dataclass(frozen=True, slots=True)
class Rates:
    """One price. Where windows overlap the later wins; a service tier's own rates win over a window's.

    `multiplier` applies to every token rate (data residency and the like), never to fees per thousand.
    """

    base: RateSet
    service_tiers: Mapping[str, ServiceTier] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    multiplier: Decimal = Decimal(1)
