"""What a what-if supposes beside the choice of models: other prices, cached share, shorter prompts, more calls.

Suppositions, not choices: no draft of a policy can bring them about. Each is exact arithmetic on the tokens and prices
of recorded calls, and says in words what it takes for granted. They hold in the order of STEPS.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.costs.domain.pricing import RateCard, Usage
from apps.costs.domain.pricing.parts import round_half_even
from apps.costs.domain.providers import canonical_provider
from apps.costs.domain.rate_book import Match, PriceSource

from .policy import ModelKey
from .scenarios import BadScenario

Step = str
STEPS: Mapping[Step, str] = {
    "prices": "Prices that change, every call at its own model",
    "models": "Models that take calls over",
    "compression": "Shorter prompts",
    "cache": "Another share of the input from the cache",
    "volume": "More or fewer calls",
}
MOST_PRICES = 20
LEAST_PERCENT, MOST_PERCENT = Decimal(-100), Decimal(10_000)
LEAST_GROWTH = Decimal(-99)
MOST_COMPRESSION = Decimal("0.95")
EVERY = ("", "")
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A change of token prices in percent: of a model, of all models of a provider (no name), or of all."""

    model: ModelKey
    percent: Decimal

    @property
    def factor(self) -> Decimal:
        """What prices are multiplied by."""
        return 1 + self.percent / 100

    @property
    def whose(self) -> str:
        """As it is typed: `provider/name`, `provider` or `all`."""
        return "/".join(part for part in self.model if part) or "all"


@dataclass(frozen=True, slots=True)
class Levers:
    """Suppositions of a what-if; what is None or empty stays as it was recorded.

    `cached_share` is the share of the input that is read from the cache, `compression` the share of the prompt that is
    taken out, `growth` the change of the number of calls in percent.
    """

    prices: Sequence[PriceChange] = ()
    cached_share: Decimal | None = None
    compression: Decimal | None = None
    growth: Decimal | None = None

    def __bool__(self) -> bool:
        return bool(self.prices) or any(one is not None for one in (self.cached_share, self.compression, self.growth))

    @property
    def volume(self) -> Decimal:
        """What the number of calls is multiplied by."""
        return 1 + (self.growth or Decimal(0)) / 100

    @property
    def words(self) -> list[str]:
        """Each supposition in a few words."""
        found = [f"token prices of {one.whose} {signed(one.percent)} %" for one in self.prices]
        found += [] if self.compression is None else [f"prompts {plain(self.compression * 100)} % shorter"]
        found += [] if self.cached_share is None else [f"{plain(self.cached_share * 100)} % of the input cached"]
        return found + ([] if self.growth is None else [f"{signed(self.growth)} % calls"])

    def assumptions(self, least_tokens: int) -> list[str]:
        """What each supposition takes for granted, in sentences; `least_tokens` is the shortest prompt cached."""
        found = []
        if self.prices:
            found.append(
                "Token prices change in the whole price list of a model alike: fresh, cached and written input, output "
                "and reasoning. Fees for searches and requests stay. The policy that is tried chooses at the changed "
                "prices; calls keep their models where none is tried."
            )
        if self.compression is not None:
            found.append(
                f"Every prompt that was not compressed already is {plain(self.compression * 100)} % shorter, rounded "
                "up to whole tokens; what of it is read from the cache or written to it shrinks alike. Output, success "
                "and the cost of compressing are taken to be unchanged; calls with images, audio or video stay."
            )
        if self.cached_share is not None:
            found.append(
                f"Of every prompt of {least_tokens:,} tokens or more, {plain(self.cached_share * 100)} % are read from "
                "the cache, whatever was read when it was recorded and whichever model serves it; the rest is written "
                "to the cache as far as it was, else fresh. Where a price has no rate for cached input, it is that of "
                "input. Calls with images, audio or video stay."
            )
        if self.growth is not None:
            found.append(
                f"There are {plain(self.volume)} times as many calls, of the same kinds, sizes and outcomes; prices, "
                "discounts and limits do not follow the volume."
            )
        return found

    def as_plain(self) -> dict[str, Any]:
        """As JSON values; `levers_of` is the inverse."""
        shares = {"cached_share": self.cached_share, "compression": self.compression, "growth_percent": self.growth}
        plain_shares = {name: None if value is None else plain(value) for name, value in shares.items()}
        changes = [
            {"provider": one.model[0], "name": one.model[1], "percent": plain(one.percent)} for one in self.prices
        ]
        return {"price_changes": changes, **plain_shares}


def levers_of(given: Mapping[str, Any]) -> Levers:
    """Levers from their JSON values; none from nothing. Raises BadScenario for what cannot be supposed."""
    changes = [
        PriceChange((one.get("provider") or "", one.get("name") or ""), Decimal(one["percent"]))
        for one in given.get("price_changes") or ()
    ]
    found = Levers(
        tuple(changes), *(_decimal(given.get(name)) for name in ("cached_share", "compression", "growth_percent"))
    )
    _check(found)
    return found


def read_price_changes(text: str) -> list[PriceChange]:
    """Price changes as people type them, a line each: `openai/gpt-4.1 = -20`, `openai = +5`, `all = 10`.

    Raises BadScenario.
    """
    found = []
    for line in (line.strip() for line in text.splitlines()):
        if not line:
            continue
        whose, equals, percent = (part.strip() for part in line.partition("="))
        provider, slash, name = whose.partition("/")
        if not equals or not whose or (slash and not (provider and name)):
            message = f"“{line[:60]}” is not provider/name = percent, for example openai/gpt-4.1 = -20."
            raise BadScenario(message, "price_changes")
        try:
            value = Decimal(percent.removesuffix("%").strip().replace("−", "-"))  # noqa: RUF001
        except InvalidOperation as error:
            raise BadScenario(f"“{percent[:20]}” is no percentage.", "price_changes") from error
        found.append(PriceChange(EVERY if whose == "all" else (provider, name), value))
    return found


def written_price_changes(changes: Sequence[PriceChange]) -> str:
    """The inverse of `read_price_changes`."""
    return "\n".join(f"{one.whose} = {plain(one.percent)}" for one in changes)


def _check(levers: Levers) -> None:
    if len(levers.prices) > MOST_PRICES:
        raise BadScenario(f"At most {MOST_PRICES} prices change at once.", "price_changes")
    seen = set()
    for one in levers.prices:
        key = _canonical(one.model)
        if key in seen:
            raise BadScenario(f"The price of {one.whose} changes twice.", "price_changes")
        seen.add(key)
        if one.model[1] and not one.model[0]:
            raise BadScenario(f"Name the provider of {one.model[1]} too.", "price_changes")
        _within(one.percent, LEAST_PERCENT, MOST_PERCENT, "price_changes", "A price changes by")
    for value, least, most, path, what in (
        (levers.cached_share, Decimal(0), Decimal(1), "cached_share", "The cached share is"),
        (levers.compression, Decimal(0), MOST_COMPRESSION, "compression", "The share taken out of prompts is"),
        (levers.growth, LEAST_GROWTH, MOST_PERCENT, "growth_percent", "The number of calls changes by"),
    ):
        if value is not None:
            _within(value, least, most, path, what)


def _within(value: Decimal, least: Decimal, most: Decimal, path: str, what: str) -> None:
    percent = "" if path in ("cached_share", "compression") else " %"
    if not value.is_finite() or not least <= value <= most:
        raise BadScenario(f"{what} {plain(least)} to {plain(most)}{percent}.", path)
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _DECIMALS + 2:
        raise BadScenario(f"At most {_DECIMALS} decimals of a percent.", path)


class ChangedPrices:
    """A price book in which the token prices of some models are others, exact: rates change, amounts round once."""

    def __init__(self, book: PriceSource, changes: Sequence[PriceChange]) -> None:
        self._book = book
        self._factors = {_canonical(one.model): one.factor for one in changes}
        self._cards: dict[tuple[RateCard, Decimal], RateCard] = {}

    def factor_of(self, provider: str, name: str) -> Decimal | None:
        """What the token prices of a model are multiplied by; None where they stay. The closest change holds."""
        seller = canonical_provider(provider)
        return next(
            (found for key in ((seller, name), (seller, ""), EVERY) if (found := self._factors.get(key)) is not None),
            None,
        )

    def lookup(self, provider: str, model: str, at: datetime) -> Match | None:
        """As the book answers, with the price changed."""
        match, factor = self._book.lookup(provider, model, at), self.factor_of(provider, model)
        if match is None or factor is None:
            return match
        key = (match.card, factor)
        card = self._cards.get(key)
        if card is None:
            rates = match.card.rates
            card = self._cards[key] = RateCard(replace(rates, multiplier=rates.multiplier * factor))
        return replace(match, card=card)


def shortened(usage: Usage, share: Decimal) -> Usage:
    """A prompt with so much taken out; its cached parts shrink alike. Calls with media stay: what of them is text is
    not known.
    """
    if usage.other or not share:
        return usage
    kept = 1 - share
    return replace(
        usage,
        input_tokens=math.ceil(usage.input_tokens * kept),
        cache_read=math.floor(usage.cache_read * kept),
        cache_creation=math.floor(usage.cache_creation * kept),
        cache_creation_1h=math.floor(usage.cache_creation_1h * kept),
    )


def with_cached_share(usage: Usage, share: Decimal) -> Usage:
    """A prompt of which this share is read from the cache. Calls with media stay."""
    if usage.other:
        return usage
    read = math.floor(usage.input_tokens * share)
    made = min(usage.cache_creation, usage.input_tokens - read)
    return replace(usage, cache_read=read, cache_creation=made, cache_creation_1h=min(usage.cache_creation_1h, made))


def grown(femto: int, levers: Levers) -> int:
    """A sum of femto-dollars at the supposed number of calls; rounded once."""
    above, below = levers.volume.as_integer_ratio()
    return round_half_even(femto * above, below)


def plain(value: Decimal) -> str:
    """A number without an exponent and without trailing zeros."""
    return f"{value.normalize() + 0:f}"


def signed(value: Decimal) -> str:
    """The same with its sign."""
    return f"{value.normalize() + 0:+f}".replace("-", "−")  # noqa: RUF001


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _canonical(model: ModelKey) -> ModelKey:
    return (canonical_provider(model[0]) if model[0] else "", model[1])
