"""Where the two public lists disagree, and what the last 30 days would have cost by either of them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.costs.domain.list_changes import Jump, largest_difference, rates_by_unit
from apps.costs.domain.price_schedule import Layer
from apps.costs.domain.pricing import Rates, usd
from apps.costs.domain.rate_book import Match, RateBook
from apps.costs.models import LanguageModel, ListComparison, UsedModel
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.price_lists.replaying import replay

Key = tuple[str, str, int, int]
"""Provider and name of a model, and the price each list has for it."""


@dataclass(frozen=True, slots=True)
class _Used:
    """A name calls were sent with that both lists price, and how."""

    key: Key
    first: Match
    second: Match


def compare_lists(*, now: datetime) -> int:
    """Compare both lists' prices that hold now, for every model both price. Returns how many disagree."""
    book = current_rate_book()
    first, second = book.only(Layer.FIRST_LIST), book.only(Layer.SECOND_LIST)
    used = dict(_used(book, first, second, now))
    found = dict(_listed(first, second, now))
    for one in used.values():
        if far := _difference(one.first.card.rates, one.second.card.rates):
            found.setdefault(one.key, far)
    rows = {key: _row(key, far, now) for key, far in found.items()}
    _add_use(rows, used, now)
    with transaction.atomic():
        ListComparison.objects.all().delete()
        ListComparison.objects.bulk_create(rows.values(), batch_size=500)
    return len(rows)


def _used(book: RateBook, first: RateBook, second: RateBook, now: datetime) -> Iterator[tuple[int, _Used]]:
    for id, provider, name in UsedModel.objects.values_list("id", "provider", "name"):
        match, mine, theirs = (one.lookup(provider, name, now) for one in (book, first, second))
        if match and mine and theirs:
            yield id, _Used((match.provider, match.model, mine.price_id, theirs.price_id), mine, theirs)


def _listed(first: RateBook, second: RateBook, now: datetime) -> Iterator[tuple[Key, Jump]]:
    """Models of which both lists have a price, used or not."""
    mine, theirs = first.in_force(now), second.in_force(now)
    models = LanguageModel.objects.filter(id__in=mine.keys() & theirs.keys())
    for id, provider, name in models.values_list("id", "provider_id", "name"):
        one, other = mine[id].price, theirs[id].price
        if one and other and (far := _difference(one.read_rates(), other.read_rates())):
            yield (provider, name, one.id, other.id), far


def _difference(first: Rates, second: Rates) -> Jump | None:
    return largest_difference(rates_by_unit(Rates(first.base)), rates_by_unit(Rates(second.base)))


def _row(key: Key, far: Jump, now: datetime) -> ListComparison:
    provider, name, first, second = key
    return ListComparison(
        provider=provider, name=name, first_price_id=first, second_price_id=second, unit=far.unit, ratio=far.ratio,
        compared_at=now,
    )  # fmt: skip


def _add_use(rows: dict[Key, ListComparison], used: dict[int, _Used], now: datetime) -> None:
    differing = {id: one for id, one in used.items() if one.key in rows}
    found = replay({id: [one.first.card, one.second.card] for id, one in differing.items()}, now=now)
    costs: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for id, one in found.items():
        key = differing[id].key
        rows[key].calls += one.calls
        rows[key].tokens += one.tokens
        costs[key] = [known + more for known, more in zip(costs[key], one.costs, strict=True)]
    for key, (first, second) in costs.items():
        rows[key].first_usd, rows[key].second_usd = usd(first), usd(second)
