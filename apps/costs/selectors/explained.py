"""Why a record cost what it cost: the parts of the list price it was billed by, and the version of that price."""

from datetime import UTC, datetime
from typing import Any

from apps.costs.domain import pricing
from apps.costs.models import Price
from apps.costs.selectors.rate_book import rate_book, rates_of


def explained(record: dict[str, Any]) -> dict[str, Any]:
    """A record of `usage_record` with `price` (version, source, date) and `cost_parts`, whose amounts add up exactly.

    Both are None for a record without a list price.
    """
    price = Price.objects.select_related("model").filter(id=record["price_id"]).first()
    if price is None:
        return {**record, "price": None, "cost_parts": None}
    return {**record, "price": price_told(price), "cost_parts": _parts(record, price)}


def price_told(price: Price) -> dict[str, Any]:
    """A version of a price, read with its model: whose it is, from when it holds, and where it comes from."""
    return {
        "id": price.pk,
        "provider": price.model.provider_id,
        "model": price.model.name,
        "effective_from": price.effective_from,
        "source": price.source,
        "source_version": price.source_version,
    }


def parts_told(parts: list[pricing.Part] | None) -> list[dict[str, Any]] | None:
    """The parts of a cost in the order of the arithmetic; their amounts add up exactly. None for an unpriced call."""
    if parts is None:
        return None
    return [
        {
            "unit": part.unit,
            "count": part.count,
            "rate_usd": part.usd_rate,
            "cost_usd": pricing.usd(part.femto_usd),
            "assumed": bool(part.assumed),
        }
        for part in parts
    ]


def _parts(record: dict[str, Any], price: Price) -> list[dict[str, Any]] | None:
    moment: datetime = record["occurred_at"].astimezone(UTC)
    minute = moment.hour * 60 + moment.minute
    return parts_told(_card(record, price).explain(_usage(record), record["service_tier"], minute, record["calls"]))


def _card(record: dict[str, Any], price: Price) -> pricing.RateCard:
    """The card it was priced with: the book's, as long as the name still leads to the same price."""
    match = rate_book().lookup(record["sent_provider"], record["model"], record["occurred_at"])
    return match.card if match is not None and match.price_id == price.pk else pricing.RateCard(rates_of(price))


def _usage(record: dict[str, Any]) -> pricing.Usage:
    return pricing.Usage(
        input_tokens=record["input_tokens"],
        output_tokens=record["output_tokens"],
        cache_read=record["cache_read_input_tokens"],
        cache_creation=record["cache_creation_input_tokens"],
        cache_creation_1h=record["cache_creation_1h_input_tokens"],
        reasoning=record["reasoning_output_tokens"],
        web_searches=record["web_searches"],
        requests=record["requests"],
        other=record["other_tokens"] or {},
    )
