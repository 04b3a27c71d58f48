"""Discounts and margins as a page lists them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.costs.models import PriceAdjustment, PriceChange, Provider
from apps.costs.selectors.price_history import MOST_CHANGES

State = Literal["runs", "later", "over"]


@dataclass(frozen=True, slots=True)
class AdjustmentRow:
    """One discount or margin, and whether it runs now."""

    row: PriceAdjustment
    state: State


def adjustment_rows(now: datetime) -> list[AdjustmentRow]:
    """All of them: those that run first, then the coming and the past ones, the newest first."""
    rows = PriceAdjustment.objects.select_related("provider", "model").order_by("-id")
    found = [AdjustmentRow(row, _state(row, now)) for row in rows]
    return sorted(found, key=lambda one: ("runs", "later", "over").index(one.state))


def providers() -> list[tuple[str, str]]:
    """Every provider of the book, by id and name."""
    return list(Provider.objects.order_by("name").values_list("id", "name"))


def changes_of(kind: str) -> tuple[list[PriceChange], frozenset[int]]:
    """The newest acts on one kind of thing, and which of them were undone."""
    changes = list(PriceChange.objects.filter(after__has_key=kind).order_by("-id")[:MOST_CHANGES])
    undone = PriceChange.objects.filter(undoes__in=[one.pk for one in changes]).values_list("undoes_id", flat=True)
    return changes, frozenset(id for id in undone if id is not None)


def _state(row: PriceAdjustment, now: datetime) -> State:
    if row.during.lower is not None and row.during.lower > now:
        return "later"
    return "over" if row.during.upper is not None and row.during.upper <= now else "runs"
