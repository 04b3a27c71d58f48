"""Which of a model's prices holds when: layers above each other, of which the topmost that has a price wins."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

from .pricing import RateCard, Rates

BEGINNING = datetime.min.replace(tzinfo=UTC)


class Layer(IntEnum):
    """Where a price comes from; the smaller number wins."""

    SUBSCRIPTION = 10
    OWN = 20
    ADJUSTED = 25
    FIRST_LIST = 30
    SECOND_LIST = 40


SECOND_LIST_SOURCE = "litellm"
OWN_SOURCE = "own"
ADJUSTED_SOURCE = "adjusted"
SUBSCRIPTION_SOURCE = "subscription"
NOT_LISTED = (OWN_SOURCE, ADJUSTED_SOURCE, SUBSCRIPTION_SOURCE)
"""Sources of prices that hold only when a table says so, never by their `effective_from`."""


def list_layer(source: str) -> Layer:
    """The layer of a public list's prices."""
    return Layer.SECOND_LIST if source == SECOND_LIST_SOURCE else Layer.FIRST_LIST


@dataclass(frozen=True)
class PriceVersion:
    """One price of a model in [effective_from, until); None is the beginning of time, and no end.

    Prices of a list have no end: within a layer the latest that has begun holds, of equal ones the newest row.
    `bills_otherwise` says that it has rates for things usage does not carry, such as images or hours.
    """

    id: int
    effective_from: datetime | None
    read_rates: Callable[[], Rates]
    layer: int = Layer.FIRST_LIST
    until: datetime | None = None
    bills_otherwise: bool = False

    @cached_property
    def card(self) -> RateCard:
        """The rates, compiled when first needed."""
        return RateCard(self.read_rates())

    @cached_property
    def standard_card(self) -> RateCard:
        """The same without service tiers: whoever resells a model has service tiers of their own."""
        return RateCard(replace(self.read_rates(), service_tiers={}))

    @property
    def start(self) -> datetime:
        """The first instant of it."""
        return self.effective_from or BEGINNING

    def covers(self, at: datetime) -> bool:
        """Whether it may hold at an instant."""
        return self.start <= at and (self.until is None or at < self.until)


class Step(NamedTuple):
    """From `start` until the next step this price holds; None: no price holds."""

    start: datetime
    price: PriceVersion | None


def schedule(prices: Sequence[PriceVersion]) -> list[Step]:
    """All changes of the price that holds, in order. Before the first step no price holds."""
    edges = {price.start for price in prices} | {price.until for price in prices if price.until is not None}
    steps: list[Step] = []
    for edge in sorted(edges):
        price = holding(prices, edge)
        if not steps or steps[-1].price is not price:
            steps.append(Step(edge, price))
    return steps


def holding(prices: Iterable[PriceVersion], at: datetime) -> PriceVersion | None:
    """The price that holds at an instant: of the topmost layer that has one, the latest begun, then the newest row."""
    return max((price for price in prices if price.covers(at)), key=_rank, default=None)


def listed_only(prices: Iterable[PriceVersion]) -> list[PriceVersion]:
    """What the public lists say: what holds wherever a model is resold."""
    return [price for price in prices if price.layer >= Layer.FIRST_LIST]


def _rank(price: PriceVersion) -> tuple[int, datetime, int]:
    return -price.layer, price.start, price.id
