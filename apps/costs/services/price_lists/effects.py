"""What proposed prices would have made of the last 30 days, in USD: counted once per proposal, from stored tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.adjusting import scaled
from apps.costs.domain.price_schedule import NOT_LISTED, list_layer
from apps.costs.domain.pricing import RateCard, usd
from apps.costs.domain.pricing.plain import rates_from_plain
from apps.costs.domain.rate_book import Match, RateBook
from apps.costs.models import ChangeState, ListChange, Price, UsedModel
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_book.planning import ModelKey
from apps.costs.services.price_lists.replaying import Replay, replay

_PENDING = (ChangeState.OPEN, ChangeState.QUARANTINED, ChangeState.ACCEPTED)


def count_effects(*, now: datetime) -> int:
    """Count every pending proposal. Returns how many bear on calls of the last 30 days.

    A price below the one that holds (another list's, or an own price) changes nothing. Of several proposals for a
    model, those that begin later are counted as if they held now.
    """
    changes = list(ListChange.objects.filter(state__in=_PENDING))
    book = current_rate_book()
    used = _used_by_model(book, {(change.provider, change.name) for change in changes}, now)
    bases = _bases(used)
    for change in changes:
        names = used.get((change.provider, change.name), {})
        cards = {id: _cards(change, one, bases) for id, one in names.items()}
        found = replay({id: both for id, both in cards.items() if both}, now=now)
        change.calls = sum(one.calls for one in found.values())
        change.effect_usd = usd(sum(_difference(one) for one in found.values()))
    ListChange.objects.bulk_update(changes, ["calls", "effect_usd"], batch_size=500)
    return sum(bool(change.calls) for change in changes)


@dataclass(frozen=True, slots=True)
class _Name:
    """A name calls were sent with, and the price that holds for it; None where none does."""

    provider: str
    match: Match | None


Names = dict[int, _Name]


def _used_by_model(book: RateBook, keys: set[ModelKey], now: datetime) -> dict[ModelKey, Names]:
    """The used models whose price is proposed to change, or whose name is that of a proposed new model."""
    by_name = {(provider, name.lower()): (provider, name) for provider, name in keys}
    found: dict[ModelKey, Names] = {}
    for id, provider, name in UsedModel.objects.values_list("id", "provider", "name") if keys else ():
        match = book.lookup(provider, name, now)
        key = (match.provider, match.model) if match else by_name.get((provider, name.lower()))
        if key in keys:
            found.setdefault(key, {})[id] = _Name(provider, match)
    return found


@dataclass(frozen=True, slots=True)
class _Base:
    """The list a price that holds comes from, and by what it is multiplied there; "" for one that is no list's."""

    source: str
    factor: Decimal


def _bases(used: Mapping[ModelKey, Names]) -> dict[int, _Base]:
    ids = {one.match.price_id for names in used.values() for one in names.values() if one.match}
    rows = Price.objects.filter(id__in=ids).values_list("id", "source", "derived_from__source", "factor")
    return {
        id: _Base(base or ("" if source in NOT_LISTED else source), factor or Decimal(1))
        for id, source, base, factor in rows
    }


def _cards(change: ListChange, one: _Name, bases: Mapping[int, _Base]) -> list[RateCard]:
    """The price that holds and the proposed one; empty where the proposed one would not hold."""
    rates = rates_from_plain(change.rates)
    if one.match is None:
        return [RateCard(rates)]
    base = bases[one.match.price_id]
    if not base.source or list_layer(change.source) > list_layer(base.source):
        return []
    # Whoever resells a model has service tiers of their own; a discount or margin is kept.
    is_resold = one.match.provider != one.provider
    rates = scaled(rates, base.factor)
    return [one.match.card, RateCard(replace(rates, service_tiers={}) if is_resold else rates)]


def _difference(found: Replay) -> int:
    return found.costs[-1] - (found.costs[0] if len(found.costs) > 1 else 0)
