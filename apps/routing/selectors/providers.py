"""The same model at several providers: what each costs, how it did, and what a move would have saved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.pricing import usd
from apps.costs.domain.rate_book import RateBook
from apps.costs.selectors import metrics
from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.domain.comparing import Share
from apps.routing.selectors.repricing import repriced
from apps.routing.selectors.use import LATELY

MOST = 50
GATEWAY = "openrouter"


@dataclass(frozen=True, slots=True)
class Done:
    """What a model did at a provider in the last 30 days, as reported."""

    provider: str
    model: str
    calls: int
    observed_calls: int
    ok_calls: int
    error_calls: int
    latency_ms: int | None
    cost_usd: Decimal
    unpriced_calls: int

    @property
    def errors(self) -> Share:
        """Calls that ended in an error, of those that ended well or in one."""
        return Share(self.error_calls, self.ok_calls + self.error_calls)


@dataclass(frozen=True, slots=True)
class Move:
    """The calls of a model at another provider that lists it, and what the same tokens cost there.

    `there` is what it did at that provider; None where nobody used it there lately.
    """

    model: str
    provider: str
    to_provider: str
    to_model: str
    calls: int
    here_usd: Decimal
    there_usd: Decimal
    here: Done
    there: Done | None

    @property
    def saved_usd(self) -> Decimal:
        """What the move would have saved at the list prices of now."""
        return self.here_usd - self.there_usd


@dataclass(frozen=True, slots=True)
class Comparison:
    """All models used lately, dearest first, and the moves that would have saved something, largest first."""

    done: list[Done]
    moves: list[Move]


def compare_providers(*, now: datetime, project_ids: frozenset[int] | None) -> Comparison:
    """The last 30 days by provider and model, cut at quarter-hours so that rollups answer alone."""
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    query = metrics.UsageQuery(end - LATELY, end, project_ids=project_ids)
    rows = metrics.grouped(query, ("provider", "model"), edges=())
    used = sorted((row for row in rows if row.totals.calls), key=lambda row: (-row.totals.cost_usd, row.values))
    book = current_rate_book()
    done = {row.values: _done(row) for row in used}
    moves = [move for row in used[:MOST] for move in _moves(book, row, done, now) if move.saved_usd > 0]
    return Comparison(list(done.values())[:MOST], sorted(moves, key=lambda move: -move.saved_usd))


def _done(row: metrics.GroupRow) -> Done:
    provider, model = row.values
    found = row.totals
    latency = int(found.latency_ms_sum) // found.latency_calls if found.latency_calls else None
    return Done(
        provider, model, found.calls, found.observed_calls, found.ok_calls, found.error_calls, latency,
        found.cost_usd, found.unpriced_calls,
    )  # fmt: skip


def _moves(
    book: RateBook, row: metrics.GroupRow, done: Mapping[tuple[str, ...], Done], now: datetime
) -> Iterator[Move]:
    provider, model = row.values
    here = repriced(book, (provider, model), row.totals, now)
    if here is None:
        return
    for to_provider, to_model in _elsewhere(book, provider, model):
        there = repriced(book, (to_provider, to_model), row.totals, now)
        if there is not None:
            yield Move(
                model, provider, to_provider, to_model, row.totals.calls, usd(here), usd(there),
                done[row.values], done.get((to_provider, to_model)),
            )  # fmt: skip


def _elsewhere(book: RateBook, provider: str, model: str) -> list[tuple[str, str]]:
    """Where else the book lists the model under its own name, or a gateway under `maker/name`."""
    maker, _, bare = model.rpartition("/")
    found = [(seller, bare) for seller in book.sellers_of(bare)]
    if not maker and provider != GATEWAY:
        name = f"{provider}/{bare}"
        found += [(seller, name) for seller in book.sellers_of(name) if seller == GATEWAY]
    return [one for one in found if one != (provider, model) and one[0] != provider]
