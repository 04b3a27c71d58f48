"""When prices changed within some time: own prices, discounts and margins, and list editions that were applied."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.costs.models import OwnPrice, PriceAdjustment, PriceListEdition

MOST = 20


@dataclass(frozen=True, slots=True)
class PriceMark:
    """One instant at which prices changed, and what changed, in words. `model_id` leads to the model's page."""

    at: datetime
    words: str
    model_id: int | None = None


def price_marks(start: datetime, end: datetime) -> list[PriceMark]:
    """The changes in [start, end), oldest first; the newest 20 if there are more."""
    found = [*_own(start, end), *_adjustments(start, end), *_editions(start, end)]
    return sorted(found, key=lambda mark: (mark.at, mark.words))[-MOST:]


def _within(start: datetime, end: datetime) -> Q:
    """Rows whose time begins or ends in [start, end)."""
    begins = Q(during__startswith__gte=start, during__startswith__lt=end)
    return begins | Q(during__endswith__gte=start, during__endswith__lt=end)


def _edges(start: datetime, end: datetime, during: Any) -> Iterator[tuple[datetime, str]]:
    for at, what in ((during.lower, "begins"), (during.upper, "ends")):
        if at is not None and start <= at < end:
            yield at, what


def _own(start: datetime, end: datetime) -> Iterator[PriceMark]:
    rows = OwnPrice.objects.filter(_within(start, end)).select_related("model").order_by("-id")[:MOST]
    for row in rows:
        for at, what in _edges(start, end, row.during):
            yield PriceMark(at, f"own price of {row.model} {what}", row.model_id)


def _adjustments(start: datetime, end: datetime) -> Iterator[PriceMark]:
    rows = PriceAdjustment.objects.filter(_within(start, end)).select_related("model").order_by("-id")[:MOST]
    for row in rows:
        for at, what in _edges(start, end, row.during):
            yield PriceMark(at, f"{row} {what}", row.model_id)


def _editions(start: datetime, end: datetime) -> Iterator[PriceMark]:
    rows = PriceListEdition.objects.filter(applied_at__gte=start, applied_at__lt=end).defer("data").order_by("-id")
    for row in rows[:MOST]:
        if row.applied_at is not None:
            yield PriceMark(row.applied_at, f"price list {row} applied")
