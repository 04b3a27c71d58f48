"""The match test: what a name would be billed by, asked of the resolver that ingest asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.costs.domain import pricing
from apps.costs.domain.explaining import Explanation, explain
from apps.costs.domain.price_schedule import Layer, holding, listed_only
from apps.costs.domain.rate_book import Match, RateBook
from apps.costs.domain.usage import Usage
from apps.costs.models import Price
from apps.costs.selectors.estimate import estimate
from apps.costs.selectors.rate_book import current_rate_book

EXAMPLE = Usage(input_tokens=1200, output_tokens=300)
GATEWAY = "litellm"
"""Who a name without a provider is said to come from: it reads `provider/model`."""


@dataclass(frozen=True, slots=True)
class LayerPrice:
    """The price one layer has for the model at the instant; `wins` is true of the one that holds."""

    layer: str
    price: Price
    wins: bool


@dataclass(frozen=True, slots=True)
class Tested:
    """A name, what it meant and why, the price of every layer, and what a call of 1,200 + 300 tokens costs.

    `elsewhere` names the providers that list a name for which none was given.
    """

    sent_provider: str
    sent_name: str
    found: Explanation
    layers: tuple[LayerPrice, ...]
    example: dict[str, Any] | None
    elsewhere: tuple[str, ...]


def match_test(provider: str, name: str, *, at: datetime) -> Tested:
    """What ingest would make of a name at an instant, step by step."""
    book = current_rate_book()
    found = explain(book, provider or GATEWAY, name, at)
    elsewhere = tuple(book.sellers_of(name)) if found.reason == "no_provider" else ()
    if found.match is None:
        return Tested(provider, name, found, (), None, elsewhere)
    usage = Usage(
        provider=provider or GATEWAY,
        model=name,
        input_tokens=EXAMPLE.input_tokens,
        output_tokens=EXAMPLE.output_tokens,
    )
    return Tested(provider, name, found, _layers(book, found, found.match, at), estimate(usage, at=at), elsewhere)


@dataclass(frozen=True, slots=True)
class TestedLine:
    """One of several names: what it meant, the price that holds, and what the example call costs."""

    sent_provider: str
    sent_name: str
    found: Explanation
    price: Price | None
    cost_usd: Decimal | None


def match_tests(names: Sequence[tuple[str, str]], *, at: datetime) -> list[TestedLine]:
    """The same for several (provider, name), in their order, with one query."""
    book = current_rate_book()
    found = [explain(book, provider or GATEWAY, name, at) for provider, name in names]
    prices = Price.objects.in_bulk({one.match.price_id for one in found if one.match is not None})
    return [_line(sent, one, prices) for sent, one in zip(names, found, strict=True)]


def _line(sent: tuple[str, str], found: Explanation, prices: dict[int, Price]) -> TestedLine:
    if found.match is None:
        return TestedLine(*sent, found, None, None)
    femto, _ = found.match.card.charge(EXAMPLE.input_tokens or 0, EXAMPLE.output_tokens or 0)
    cost = None if femto is None else pricing.usd(femto)
    return TestedLine(*sent, found, prices[found.match.price_id], cost)


def _layers(book: RateBook, found: Explanation, match: Match, at: datetime) -> tuple[LayerPrice, ...]:
    versions = book.entry(match).prices
    # Who resells a model has no part in its seller's own contracts.
    heard = listed_only(versions) if found.provider != match.provider else versions
    tops = [top for layer in Layer if (top := holding((one for one in heard if one.layer == layer), at)) is not None]
    prices = Price.objects.in_bulk([top.id for top in tops])
    return tuple(LayerPrice(_LAYERS[Layer(top.layer)], prices[top.id], top.id == match.price_id) for top in tops)


_LAYERS = {
    Layer.SUBSCRIPTION: "Subscription",
    Layer.OWN: "Own price",
    Layer.ADJUSTED: "Discount or margin",
    Layer.FIRST_LIST: "First public list",
    Layer.SECOND_LIST: "Second public list",
}
