"""The price of a call, exact to the femto-dollar (10^-15 USD), at the speed the ingest path needs."""

from bisect import bisect_left
from collections.abc import Mapping
from decimal import Decimal

from .band import (
    ASSUMED_CACHE_CREATION,
    ASSUMED_CACHE_CREATION_1H,
    ASSUMED_CACHE_READ,
    ASSUMED_REASONING,
    ASSUMED_SERVICE_TIER,
    MISSING_ALL,
    MISSING_INPUT,
    MISSING_OUTPUT,
    Band,
    compile_band,
)
from .parts import Part, amounts, round_half_even, split
from .rates import STANDARD, Rates, RateSet, ServiceTier, Tiered
from .usage import Usage, refuse_impossible

UNPRICED: tuple[None, int] = (None, 0)


class _Sheet:
    """The bands of one service tier at one time of day, by size of input."""

    __slots__ = ("bands", "thresholds")

    def __init__(self, rates: RateSet, multiplier: Decimal) -> None:
        tiered = [rate for rate in rates.values() if isinstance(rate, Tiered)]
        self.thresholds = sorted({threshold for rate in tiered for threshold, _ in rate.above})
        sizes = [0, *(threshold + 1 for threshold in self.thresholds)]
        self.bands = [compile_band(rates, size, multiplier) for size in sizes]

    def band(self, input_tokens: int) -> Band:
        return self.bands[bisect_left(self.thresholds, input_tokens)]


class _Day:
    """The sheets of one service tier over a UTC day."""

    __slots__ = ("by_minute", "sheets")

    def __init__(self, rates: Rates, tier: ServiceTier) -> None:
        combinations: dict[tuple[int, ...], int] = {}
        minutes = range(1440) if rates.windows else range(1)
        active = [tuple(i for i, window in enumerate(rates.windows) if window.holds(minute)) for minute in minutes]
        # One byte a minute: which sheet holds.
        self.by_minute = bytes(combinations.setdefault(windows, len(combinations)) for windows in active)
        self.sheets = [
            _Sheet(_overlaid(rates, windows, tier), rates.multiplier * tier.multiplier) for windows in combinations
        ]

    def band(self, minute_of_day: int, input_tokens: int) -> Band:
        sheet = self.sheets[self.by_minute[minute_of_day]] if len(self.sheets) > 1 else self.sheets[0]
        return sheet.band(input_tokens)


def _overlaid(rates: Rates, windows: tuple[int, ...], tier: ServiceTier) -> RateSet:
    merged = dict(rates.base)
    for index in windows:
        merged |= rates.windows[index].rates
    return merged | dict(tier.rates)


class RateCard:
    """One price, compiled once and never changed; safe to share between threads.

    Raises ValueError when a rate is negative or a unit is part of neither input nor output.
    """

    __slots__ = ("_days", "_plain", "rates")

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._days = {name: _Day(rates, tier) for name, tier in rates.service_tiers.items()}
        standard = self._days.setdefault(STANDARD, _Day(rates, ServiceTier()))
        only_one = len(standard.sheets) == 1 and not standard.sheets[0].thresholds
        self._plain = standard.sheets[0].bands[0] if only_one else None

    def charge(
        self,
        input_tokens: int,
        output_tokens: int,
        cache_read: int = 0,
        cache_creation: int = 0,
        cache_creation_1h: int = 0,
        reasoning: int = 0,
        other: Mapping[str, int] | None = None,
        web_searches: int = 0,
        requests: int = 1,
        service_tier: str = STANDARD,
        minute_of_day: int = 0,
        calls: int = 1,
    ) -> tuple[int | None, int]:
        """The price of one call in femto-dollars, and the `ASSUMED_…` bits of what had no rate of its own.

        Input includes cached tokens, output includes reasoning, cache creation includes its 1-hour part; `other`
        counts further named units (`units.py`), each a part of its total. `minute_of_day` is UTC, 0 to 1439.
        `calls` above 1 is a sum of so many calls: a price by size goes by their average, all that a sum can tell.
        The price is None when tokens were used whose rate is not known: unpriced, never zero.
        Raises ValueError naming both values when a part exceeds its total or a count is negative.
        """
        band = self._plain
        assumed = 0
        if band is None or service_tier != STANDARD:
            size = input_tokens if calls == 1 else _average(input_tokens, calls)
            band, assumed = self._band(service_tier, minute_of_day, size)
        uncached = input_tokens - cache_read - cache_creation
        creation_5m = cache_creation - cache_creation_1h
        spoken = output_tokens - reasoning
        # Whole numbers or-ed together are negative exactly when one of them is: an impossible usage.
        parts = uncached | cache_read | creation_5m | cache_creation_1h | spoken | reasoning | web_searches | requests
        if other or parts < 0:
            usage = Usage(
                input_tokens, output_tokens, cache_read, cache_creation, cache_creation_1h, reasoning,
                web_searches, requests, other or {},
            )  # fmt: skip
            return _charge_parts(usage, band, assumed)
        (
            input_rate, read_rate, creation_rate, creation_1h_rate, output_rate, reasoning_rate,
            search_rate, request_rate, assumable, missing, divisor,
        ) = band.hot  # fmt: skip
        if missing and _is_unpriced(missing, input_tokens, output_tokens):
            return UNPRICED
        femto = uncached * input_rate + spoken * output_rate + requests * request_rate
        if cache_read or cache_creation or reasoning or web_searches:
            femto += (
                cache_read * read_rate
                + creation_5m * creation_rate
                + cache_creation_1h * creation_1h_rate
                + reasoning * reasoning_rate
                + web_searches * search_rate
            )
            if assumable:
                assumed |= _assumed(assumable, cache_read, creation_5m, cache_creation_1h, reasoning)
        return (femto if divisor == 1 else round_half_even(femto, divisor)), assumed

    def explain(
        self, usage: Usage, service_tier: str = STANDARD, minute_of_day: int = 0, calls: int = 1
    ) -> list[Part] | None:
        """The parts of a call's price; their amounts add up exactly to what `charge` says. None when unpriced.

        Raises ValueError as `charge` does.
        """
        band, _ = self._band(service_tier, minute_of_day, _average(usage.input_tokens, calls))
        refuse_impossible(usage)
        if _is_unpriced(band.hot[-2], usage.input_tokens, usage.output_tokens):
            return None
        return amounts(split(usage, band), band)

    def _band(self, service_tier: str, minute_of_day: int, input_tokens: int) -> tuple[Band, int]:
        day = self._days.get(service_tier)
        if day is None:
            return self._days[STANDARD].band(minute_of_day, input_tokens), ASSUMED_SERVICE_TIER
        return day.band(minute_of_day, input_tokens), 0


def _average(input_tokens: int, calls: int) -> int:
    """Rounded up: above a threshold exactly when the true average is."""
    return -(-input_tokens // calls)


def _charge_parts(usage: Usage, band: Band, assumed: int) -> tuple[int | None, int]:
    refuse_impossible(usage)
    if _is_unpriced(band.hot[-2], usage.input_tokens, usage.output_tokens):
        return UNPRICED
    femto = 0
    for cell in split(usage, band):
        femto += cell.count * cell.rate
        assumed |= cell.assumed
    return round_half_even(femto, band.divisor), assumed


def _assumed(assumable: int, cache_read: int, creation_5m: int, creation_1h: int, reasoning: int) -> int:
    bits = 0
    if cache_read:
        bits |= assumable & ASSUMED_CACHE_READ
    if creation_5m:
        bits |= assumable & ASSUMED_CACHE_CREATION
    if creation_1h and assumable & ASSUMED_CACHE_CREATION_1H:
        bits |= ASSUMED_CACHE_CREATION_1H | assumable & ASSUMED_CACHE_CREATION
    if reasoning:
        bits |= assumable & ASSUMED_REASONING
    return bits


def _is_unpriced(missing: int, input_tokens: int, output_tokens: int) -> bool:
    return bool(
        missing & MISSING_ALL
        or (missing & MISSING_INPUT and input_tokens)
        or (missing & MISSING_OUTPUT and output_tokens)
    )
