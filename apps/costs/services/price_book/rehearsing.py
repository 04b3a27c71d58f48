"""Dry runs: an act on the price book is carried out, the book read, and everything rolled back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import transaction

from apps.costs.domain.rate_book import RateBook
from apps.costs.selectors.rate_book import read_book

T = TypeVar("T")


@dataclass(frozen=True)
class Rehearsed(Generic[T]):
    """What an act would return, and the book before and after it."""

    result: T
    before: RateBook
    after: RateBook


def rehearse(act: Callable[[], T]) -> Rehearsed[T]:
    """Carry out an act as if for good and take it back. Raises what the act raises."""
    with transaction.atomic():
        before = read_book()
        result = act()
        after = read_book()
        transaction.set_rollback(True)
    return Rehearsed(result, before, after)
