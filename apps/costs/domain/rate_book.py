"""The price book in memory: which price holds for a name at an instant."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from .matching import Predicate, Rule, compile_rule, with_dashed_date, without_date
from .price_schedule import PriceVersion, Step, listed_only, schedule
from .pricing import RateCard
from .providers import canonical_provider

Why = Literal["exact", "alias", "rule", "dated"]

# Agents may send any name; beyond this many the memory starts anew.
_MEMO_SIZE = 20_000


@dataclass(frozen=True)
class ModelEntry:
    """A model of the book: its names, and its prices of all layers in any order."""

    id: int
    name: str
    aliases: tuple[str, ...]
    rule: Rule | None
    prices: tuple[PriceVersion, ...]


@dataclass(frozen=True)
class ProviderEntry:
    """A provider of the book: its models in the list's order, and the providers whose models it resells."""

    id: str
    models: tuple[ModelEntry, ...]
    resells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The price that holds. `why` says how the name was found ("dated": as a snapshot of an undated name)."""

    price_id: int
    card: RateCard
    why: Why
    provider: str
    model: str


@dataclass
class _Provider:
    entry: ProviderEntry
    names: dict[str, tuple[ModelEntry, Why]] = field(default_factory=dict)
    rules: list[tuple[Predicate, ModelEntry]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for model in self.entry.models:
            for alias in model.aliases:
                self.names.setdefault(alias, (model, "alias"))
            if model.rule is not None:
                self.rules.append((compile_rule(model.rule), model))
        for model in self.entry.models:
            self.names[model.name.lower()] = (model, "exact")

    def find(self, name: str) -> tuple[ModelEntry, Why] | None:
        if name in self.names:
            return self.names[name]
        for predicate, model in self.rules:
            if predicate(name):
                return model, "rule"
        return None


@dataclass(frozen=True, slots=True)
class _Found:
    provider: str
    model: ModelEntry
    why: Why
    resold: bool


class _Timeline:
    """The prices of one name, ready to be asked for an instant."""

    __slots__ = ("matches", "starts")

    def __init__(self, matches: list[Match | None], starts: list[datetime]) -> None:
        self.matches = matches
        self.starts = starts

    def at(self, instant: datetime) -> Match | None:
        index = bisect_right(self.starts, instant)
        return self.matches[index - 1] if index else None


class RateBook:
    """All prices of one version of the price book. Reading it from several threads is safe."""

    def __init__(self, version: int, providers: Iterable[ProviderEntry]) -> None:
        self.version = version
        self._entries = {entry.id: entry for entry in providers}
        self._providers: dict[str, _Provider] = {}
        self._memo: dict[tuple[str, str], _Timeline | None] = {}

    def lookup(self, provider: str, model: str, at: datetime) -> Match | None:
        """The price of a model, by the names an agent sent, at an aware instant. None when the book has none.

        Names are tried in this order, at the provider and then at those it resells: as sent; without the provider's
        own prefix (`openai/gpt-4.1` at openai); what follows a resource path (`publishers/google/models/…`); with a
        date written 2025-12-11; without its date. A gateway the book does not know has no prices, whatever the model
        is called.
        """
        try:
            timeline = self._memo[provider, model]
        except KeyError:
            timeline = self._remember(provider, model)
        return None if timeline is None else timeline.at(at)

    def in_force(self, at: datetime) -> dict[int, Step]:
        """The price that holds for every model of the book at an instant, by the model's id, and since when.

        Models without one are left out. No card is compiled.
        """
        found: dict[int, Step] = {}
        for model in (model for entry in self._entries.values() for model in entry.models):
            begun = [step for step in schedule(model.prices) if step.start <= at]
            if begun and begun[-1].price is not None:
                found[model.id] = begun[-1]
        return found

    def _remember(self, provider: str, model: str) -> _Timeline | None:
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        timeline = self._memo[provider, model] = self._resolve(canonical_provider(provider), model.strip().lower())
        return timeline

    def _resolve(self, provider: str, name: str) -> _Timeline | None:
        if provider == "litellm" and provider not in self._entries:
            # LiteLLM passes calls on under `provider/model` and has no prices of its own.
            prefix, slash, rest = name.partition("/")
            return self._resolve(canonical_provider(prefix), rest) if slash else None
        names = list(_spellings(provider, name))
        for candidate in names:
            if found := self._find(provider, candidate):
                return _timeline(found)
        for undated in filter(None, map(without_date, names)):
            if found := self._find(provider, undated):
                return _timeline(replace(found, why="dated"))
        return None

    def _find(self, provider: str, name: str) -> _Found | None:
        own = self._provider(provider)
        if own is None:
            return None
        if found := own.find(name):
            return _Found(provider, *found, resold=False)
        for resold in own.entry.resells:
            maker = self._provider(resold)
            if maker is not None and (found := maker.find(name)):
                return _Found(resold, *found, resold=True)
        return None

    def _provider(self, provider: str) -> _Provider | None:
        if provider not in self._entries:
            return None
        if provider not in self._providers:
            self._providers[provider] = _Provider(self._entries[provider])
        return self._providers[provider]


def _spellings(provider: str, name: str) -> Iterator[str]:
    prefix, slash, rest = name.partition("/")
    yield name
    if slash and canonical_provider(prefix) == provider:
        yield rest
    _, path, last = name.rpartition("models/")
    if path:
        yield last
    if dashed := with_dashed_date(name):
        yield from _spellings(provider, dashed)


def _timeline(found: _Found) -> _Timeline:
    # A reseller has contracts of its own: only what the public lists say of the maker's model holds there.
    steps = schedule(listed_only(found.model.prices) if found.resold else found.model.prices)
    return _Timeline([_match(found, step.price) for step in steps], [step.start for step in steps])


def _match(found: _Found, price: PriceVersion | None) -> Match | None:
    if price is None:
        return None
    card = price.standard_card if found.resold else price.card
    return Match(price.id, card, found.why, found.provider, found.model.name)
