"""The price book as lines: every own price, and the list prices in force."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from apps.costs.domain.price_csv import COLUMNS, cells
from apps.costs.domain.price_schedule import BEGINNING, OWN_SOURCE
from apps.costs.models import LanguageModel, OwnPrice, Price
from apps.costs.selectors.rate_book import current_rate_book, rates_of


def export_lines(now: datetime) -> Iterator[list[Any]]:
    """The heading and the lines, own prices first; they can be imported again."""
    yield list(COLUMNS)
    rows = OwnPrice.objects.select_related("model", "price").order_by("model__provider_id", "model__name", "during")
    for row in rows:
        yield _line(row.model, OWN_SOURCE, row.during.lower, row.during.upper, row.price, row.note)
    force = current_rate_book().in_force(now)
    prices = Price.objects.in_bulk([step.price.id for step in force.values() if step.price])
    for model in LanguageModel.objects.order_by("provider_id", "name"):
        step = force.get(model.pk)
        if step and step.price and (price := prices.get(step.price.id)) and price.source != OWN_SOURCE:
            start = None if step.start == BEGINNING else step.start
            yield _line(model, price.source, start, None, price, "")


def _line(
    model: LanguageModel, source: str, start: datetime | None, end: datetime | None, price: Price, note: str
) -> list[Any]:
    said = {
        "provider": model.provider_id,
        "model": model.name,
        "source": source,
        "from": start,
        "until": end,
        "note": note,
        **cells(rates_of(price)),
    }
    return [said.get(column, "") for column in COLUMNS]
