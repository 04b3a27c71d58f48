"""The list of models with the price in force and what they cost lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.price_schedule import BEGINNING, Step
from apps.costs.domain.rate_book import RateBook
from apps.costs.models import LanguageModel, Price
from apps.costs.selectors import metrics
from apps.costs.selectors.rate_book import current_rate_book

LATELY = timedelta(days=30)
ModelName = tuple[str, str]
"""Provider and name of a model of the price book."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was called and paid over some time."""

    calls: int = 0
    cost_usd: Decimal = Decimal(0)


NO_USE = Use()


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model: the price in force in USD per million tokens, its source and since when, and its use lately.

    Without a price in force `source` is "". `since` None is the beginning of time.
    """

    id: int
    provider: str
    name: str
    source: str
    since: datetime | None
    input_usd_per_mtok: Decimal | None
    output_usd_per_mtok: Decimal | None
    use: Use


def price_table(*, now: datetime, project_ids: frozenset[int] | None) -> list[ModelRow]:
    """Every model of the book by provider and name, with the use of the last 30 days in the projects one may see."""
    book = current_rate_book()
    in_force = book.in_force(now)
    prices = _prices(in_force)
    used = use_by_model(book, now=now, project_ids=project_ids)
    models = LanguageModel.objects.order_by("provider_id", "name").values_list("id", "provider_id", "name")
    return [
        ModelRow(id, provider, name, *_told(in_force.get(id), prices), used.get((provider, name), NO_USE))
        for id, provider, name in models
    ]


def use_by_model(book: RateBook, *, now: datetime, project_ids: frozenset[int] | None) -> dict[ModelName, Use]:
    """Calls and cost of the last 30 days by model of the book, whatever names the calls were sent with.

    Cut at quarter-hours, so that rollups answer alone. What the book has no price for is left out.
    """
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    query = metrics.UsageQuery(end - LATELY, end, project_ids=project_ids)
    found: dict[ModelName, Use] = {}
    for row in metrics.grouped(query, ("provider", "model"), edges=()):
        provider, name = row.values
        if match := book.lookup(provider, name, now):
            model = (match.provider, match.model)
            known = found.get(model, NO_USE)
            found[model] = Use(known.calls + row.totals.calls, known.cost_usd + row.totals.cost_usd)
    return found


_Shown = tuple[str, datetime | None, Decimal | None, Decimal | None]


def _prices(in_force: Mapping[int, Step]) -> dict[int, Sequence[Any]]:
    ids = [step.price.id for step in in_force.values() if step.price is not None]
    rows = Price.objects.filter(id__in=ids)
    return {id: shown for id, *shown in rows.values_list("id", "source", "input_usd_per_mtok", "output_usd_per_mtok")}


def _told(step: Step | None, prices: Mapping[int, Sequence[Any]]) -> _Shown:
    if step is None or step.price is None:
        return "", None, None, None
    source, read, written = prices[step.price.id]
    return source, None if step.start == BEGINNING else step.start, read, written
