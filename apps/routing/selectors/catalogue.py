"""Prices and windows of the policy's models, ready for a decision: made once per version of policy and price book."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.costs.domain.pricing import RateCard
from apps.costs.selectors.rate_book import RateBook, current_rate_book, rate_book
from apps.routing.domain.policy import ModelKey
from apps.routing.selectors.in_force import InForce
from apps.routing.selectors.policies import price_facts

BOOK_TRUSTED_SECONDS = 1
_book_seen_at: float | None = None


@dataclass(frozen=True)
class Catalogue:
    """What the price book says of a policy's models."""

    book: RateBook
    windows: Mapping[ModelKey, int | None]

    def card(self, model: ModelKey, now: datetime) -> RateCard | None:
        """The rates that hold for a model."""
        match = self.book.lookup(*model, now)
        return match.card if match else None


_made: dict[tuple[int, int], Catalogue] = {}


def fresh_book() -> RateBook:
    """The price book, at most a second old."""
    global _book_seen_at
    if _book_seen_at is None or time.monotonic() - _book_seen_at > BOOK_TRUSTED_SECONDS:
        book = current_rate_book()
        _book_seen_at = time.monotonic()
        return book
    return rate_book()


def catalogue_of(found: InForce, *, now: datetime) -> Catalogue:
    """The catalogue of the policy in force."""
    book = fresh_book()
    key = (found.generation, book.version)
    if key not in _made:
        facts = price_facts({model.key for tier in found.policy.tiers for model in tier.models}, now=now, book=book)
        if len(_made) > 4:
            _made.clear()
        _made[key] = Catalogue(book, {model: known.context_window for model, known in facts.items()})
    return _made[key]


def forget() -> None:
    """Empty the memory: for tests."""
    global _book_seen_at
    _made.clear()
    _book_seen_at = None
