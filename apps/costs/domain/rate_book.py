"""The price book in memory: which price holds for a name at an instant."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from .matching import Predicate, Rule, compile_rule, stems
from .price_schedule import Layer, PriceVersion, Step, listed_only, schedule
from .pricing import RateCard
from .pricing.units import INPUT, OUTPUT
from .providers import canonical_provider
from .spellings import LOSSES, ZONES_COST_MORE, Spelling, in_other_regions, is_government, spellings

Why = Literal["exact", "alias", "rule", "region", "variant", "dated"]

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
    """The price that holds.

    `why` says how the name was found: "region", "variant" and "dated" without a part of it that says only that.
    """

    price_id: int
    card: RateCard
    why: Why
    provider: str
    model: str
    bills_otherwise: bool = False


class PriceSource(Protocol):
    """Whatever says which price holds: the book, or one in which some prices are supposed to be others."""

    def lookup(self, provider: str, model: str, at: datetime) -> Match | None:
        """The price of a model, by the names an agent sent, at an aware instant. None when there is none."""
        ...


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

    def by_name(self, name: str) -> tuple[ModelEntry, Why] | None:
        """The model that has this name or alias."""
        return self.names.get(name)

    def by_rule(self, name: str) -> tuple[ModelEntry, Why] | None:
        """The model whose rule means this name. Prices of a government's regions are their own: no rule means them."""
        if is_government(name):
            return None
        return next(((model, "rule") for predicate, model in self.rules if predicate(name)), None)

    def every_name(self) -> dict[str, str]:
        """The models by all that names are compared with."""
        ruled = {stem: model.name for model in self.entry.models if model.rule for stem in stems(model.rule)}
        return ruled | {name: model.name for name, (model, _) in self.names.items()}

    def in_regions(self, base: str) -> list[ModelEntry]:
        """What the provider lists for a model in single regions."""
        return [model for name, (model, _) in self.names.items() if in_other_regions(self.entry.id, name, base)]


@dataclass(frozen=True, slots=True)
class _Found:
    provider: str
    model: ModelEntry
    why: Why
    resold: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """One look of the resolver: these spellings at this provider, by name or by rule, and the model that was found.

    `refused` says why a found model was left: its price depends on the region that the spelling leaves out.
    """

    provider: str
    by: Literal["name", "rule"]
    spellings: tuple[Spelling, ...]
    model: str | None = None
    spelling: Spelling | None = None
    refused: bool = False


Trace = list[Tried]


class _Timeline:
    """The prices of one name, ready to be asked for an instant."""

    __slots__ = ("matches", "starts")

    def __init__(self, matches: list[Match | None], starts: list[datetime]) -> None:
        self.matches = matches
        self.starts = starts

    def at(self, instant: datetime) -> Match | None:
        index = bisect_right(self.starts, instant)
        return self.matches[index - 1] if index else None


_Find = Callable[[str], tuple[ModelEntry, Why] | None]


class RateBook:
    """All prices of one version of the price book. Reading it from several threads is safe."""

    def __init__(self, version: int, providers: Iterable[ProviderEntry]) -> None:
        self.version = version
        self._entries = {entry.id: entry for entry in providers}
        self._providers: dict[str, _Provider] = {}
        self._memo: dict[tuple[str, str], _Timeline | None] = {}

    def lookup(self, provider: str, model: str, at: datetime) -> Match | None:
        """The price of a model, by the names an agent sent, at an aware instant. None when the book has none.

        Spellings (`spellings.py`) that leave nothing out are tried first, then without a region, a variant, a date;
        each time at the provider and then at those it resells, by name before by rule. A gateway the book does not
        know has no prices, whatever the model is called.
        """
        try:
            timeline = self._memo[provider, model]
        except KeyError:
            timeline = self._remember(provider, model)
        return None if timeline is None else timeline.at(at)

    def prices_of(self, model_id: int) -> tuple[PriceVersion, ...]:
        """All prices of a model of the book, in any order; none for a model it does not have."""
        models = (model for entry in self._entries.values() for model in entry.models)
        return next((model.prices for model in models if model.id == model_id), ())

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

    def only(self, layer: Layer) -> "RateBook":
        """The book as it would be if this layer alone priced models; others' models are not in it."""
        return RateBook(self.version, [_of_layer(entry, layer) for entry in self._entries.values()])

    def _remember(self, provider: str, model: str) -> _Timeline | None:
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        timeline = self._memo[provider, model] = self._resolve(canonical_provider(provider), model.strip().lower())
        return timeline

    def _resolve(self, provider: str, name: str, trace: Trace | None = None) -> _Timeline | None:
        provider, name = self.passed_on(provider, name)
        found = self._search(provider, name, trace)
        return None if found is None else _timeline(found)

    def explain(self, provider: str, model: str, at: datetime) -> tuple[str, str, Match | None, tuple[Tried, ...]]:
        """The canonical seller and name, what `lookup` answers, and every look it took for that."""
        seller, name = self.passed_on(canonical_provider(provider), model.strip().lower())
        trace: Trace = []
        timeline = self._resolve(seller, name, trace)
        return seller, name, None if timeline is None else timeline.at(at), tuple(trace)

    def knows(self, provider: str) -> bool:
        """Whether a canonical provider is in the book."""
        return provider in self._entries

    def provider_named(self, name: str) -> str | None:
        """The provider of the book that a name means, if any."""
        provider = canonical_provider(name)
        return provider if provider in self._entries else None

    def sellers(self, provider: str) -> list[tuple[str, dict[str, str]]]:
        """A provider and those it resells, each with its models by every name they are listed under.

        The texts of the list's rules are among the names.
        """
        own = self._provider(provider)
        ids = () if own is None else (provider, *own.entry.resells)
        listed = ((id, self._provider(id)) for id in ids)
        return [(id, one.every_name()) for id, one in listed if one]

    def entry(self, match: Match) -> ModelEntry:
        """The model a match is about."""
        return next(model for model in self._entries[match.provider].models if model.name == match.model)

    def sellers_of(self, name: str) -> list[str]:
        """The providers that list a name as it is, in lower case, in order."""
        listed = ((id, self._provider(id)) for id in sorted(self._entries))
        return [id for id, one in listed if one is not None and one.by_name(name.strip().lower())]

    def passed_on(self, provider: str, name: str) -> tuple[str, str]:
        """Who sells it under which name: LiteLLM passes calls on under `provider/model` and has no prices itself."""
        while provider == "litellm" and provider not in self._entries:
            prefix, slash, rest = name.partition("/")
            if not slash:
                break
            provider, name = canonical_provider(prefix), rest
        return provider, name

    def _search(self, provider: str, name: str, trace: Trace | None) -> _Found | None:
        own = self._provider(provider)
        if own is None:
            return None
        every = spellings(provider, name, own.entry.resells)
        for loss in (None, *LOSSES):
            group = [spelling for spelling in every if spelling.loss == loss]
            for seller in (provider, *own.entry.resells) if group else ():
                if found := self._find(provider, seller, group, trace):
                    return found
        return None

    def _find(self, provider: str, seller: str, group: Sequence[Spelling], trace: Trace | None) -> _Found | None:
        """The model that some spelling means at a seller, by name before by rule."""
        listed = self._provider(seller)
        if listed is None:
            return None
        ways: tuple[tuple[Literal["name", "rule"], _Find], ...] = (("name", listed.by_name), ("rule", listed.by_rule))
        for by, find in ways:
            for spelling in group:
                found = find(spelling.name)
                if found is None:
                    continue
                refused = "region" in spelling.how and not self._is_same_in_all_regions(provider, spelling, found[0])
                if trace is not None:
                    trace.append(Tried(seller, by, tuple(group), found[0].name, spelling, refused))
                if not refused:
                    return _Found(seller, found[0], spelling.loss or found[1], resold=seller != provider)
            if trace is not None:
                trace.append(Tried(seller, by, tuple(group)))
        return None

    def _is_same_in_all_regions(self, provider: str, spelling: Spelling, model: ModelEntry) -> bool:
        """Whether the price without a region may stand for one with it: no region that is listed differs.

        Where zones usually cost more, one that is listed must say that this model's do not.
        """
        listed = self._providers[provider].in_regions(spelling.name)
        rates = _plain_rates(model)
        return (bool(listed) or provider not in ZONES_COST_MORE) and all(_plain_rates(one) == rates for one in listed)

    def _provider(self, provider: str) -> _Provider | None:
        if provider not in self._entries:
            return None
        if provider not in self._providers:
            self._providers[provider] = _Provider(self._entries[provider])
        return self._providers[provider]


def _of_layer(entry: ProviderEntry, layer: Layer) -> ProviderEntry:
    models = [
        replace(model, prices=prices)
        for model in entry.models
        if (prices := tuple(price for price in model.prices if price.layer == layer))
    ]
    return replace(entry, models=tuple(models))


def _plain_rates(model: ModelEntry) -> list[object]:
    """The newest rates of plain input and output in the public lists."""
    steps = schedule(listed_only(model.prices))
    newest = steps[-1].price if steps else None
    base = {} if newest is None else newest.read_rates().base
    return [base.get(INPUT), base.get(OUTPUT)]


def _timeline(found: _Found) -> _Timeline:
    # A reseller has contracts of its own: only what the public lists say of the maker's model holds there.
    steps = schedule(listed_only(found.model.prices) if found.resold else found.model.prices)
    return _Timeline([_match(found, step.price) for step in steps], [step.start for step in steps])


def _match(found: _Found, price: PriceVersion | None) -> Match | None:
    if price is None:
        return None
    card = price.standard_card if found.resold else price.card
    return Match(price.id, card, found.why, found.provider, found.model.name, price.bills_otherwise)
