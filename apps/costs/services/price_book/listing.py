"""A price list as it is read, whoever publishes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from apps.costs.domain.matching import Rule
from apps.costs.domain.pricing import Rates


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """What a model costs from an instant (None: the beginning of time) until the model's next price.

    `unbilled` keeps rates for things usage does not carry, such as hours of audio.
    """

    effective_from: datetime | None
    rates: Rates
    unbilled: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model with all its prices, oldest first."""

    name: str
    title: str
    context_window: int | None
    is_deprecated: bool
    rule: Rule | None
    prices: Sequence[ListedPrice]


@dataclass(frozen=True, slots=True)
class ListedProvider:
    """A provider with its models, in the order in which their rules are to be tried."""

    id: str
    name: str
    resells: Sequence[str]
    models: Sequence[ListedModel]


@dataclass(frozen=True, slots=True)
class PriceList:
    """A whole list: `source` names it, `version` and `date` say which edition.

    What lists it `ranks_after` say of providers and models (names, rules, titles) stays as they say it; their models'
    prices stand beside each other.
    """

    source: str
    version: str
    date: date | None
    providers: Sequence[ListedProvider]
    ranks_after: Sequence[str] = ()
