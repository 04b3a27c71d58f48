"""What a call would cost, found and counted exactly as ingest does it, without storing anything."""

from datetime import UTC, datetime
from typing import Any

from apps.costs.domain import pricing
from apps.costs.domain.explaining import Explanation, explain
from apps.costs.domain.rate_book import Match
from apps.costs.domain.usage import Usage, other_tokens
from apps.costs.models import Price
from apps.costs.selectors.explained import parts_told, price_told
from apps.costs.selectors.rate_book import current_rate_book

ASSUMED = {
    "cache_read": pricing.ASSUMED_CACHE_READ,
    "cache_creation": pricing.ASSUMED_CACHE_CREATION,
    "cache_creation_1h": pricing.ASSUMED_CACHE_CREATION_1H,
    "reasoning": pricing.ASSUMED_REASONING,
    "part": pricing.ASSUMED_PART,
    "overlap": pricing.ASSUMED_OVERLAP,
    "service_tier": pricing.ASSUMED_SERVICE_TIER,
}
"""What had no rate of its own, by the bit that says so."""


def estimate(usage: Usage, *, at: datetime) -> dict[str, Any]:
    """The cost of a possible usage at an instant: its parts, the price, the model it was found by and why.

    Without a price `cost_usd` is None, and `reason_code` and `reason` say why.
    """
    found = explain(current_rate_book(), usage.provider or "", usage.model or "", at)
    cost, assumed = _charged(found.match, usage, at)
    told: dict[str, Any] = {
        "cost_usd": None if cost is None else pricing.usd(cost),
        "reason_code": None,
        "reason": None,
        "occurred_at": at.astimezone(UTC),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "usage_source": usage.usage_source,
        "cost_parts": None if cost is None or found.match is None else _parts(found.match, usage, at),
        "assumed": [name for name, bit in ASSUMED.items() if assumed & bit],
        "price": _price(found.match) if found.match else None,
        "match": None if found.match is None else _match(found, found.match),
    }
    if cost is None:
        told["reason_code"], told["reason"] = _why_unpriced(found)
    return told


def _charged(match: Match | None, usage: Usage, at: datetime) -> tuple[int | None, int]:
    if match is None:
        return None, 0
    return match.card.charge(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_creation_1h_input_tokens,
        usage.reasoning_output_tokens,
        other_tokens(usage),
        usage.web_searches,
        usage.requests,
        usage.service_tier,
        _minute(at),
        usage.calls,
    )


def _parts(match: Match, usage: Usage, at: datetime) -> list[dict[str, Any]] | None:
    return parts_told(match.card.explain(_counts(usage), usage.service_tier, _minute(at), usage.calls))


def _price(match: Match) -> dict[str, Any]:
    return price_told(Price.objects.select_related("model").get(id=match.price_id))


def _match(found: Explanation, match: Match) -> dict[str, Any]:
    return {"provider": match.provider, "model": match.model, "why": match.why, "explanation": found.sentence}


def _why_unpriced(found: Explanation) -> tuple[str, str]:
    if found.reason is not None:
        return found.reason, found.sentence
    return "rate_missing", "The price has no rate for these tokens: it knows only one of input and output."


def _minute(at: datetime) -> int:
    moment = at.astimezone(UTC)
    return moment.hour * 60 + moment.minute


def _counts(usage: Usage) -> pricing.Usage:
    return pricing.Usage(
        input_tokens=usage.input_tokens or 0,
        output_tokens=usage.output_tokens or 0,
        cache_read=usage.cache_read_input_tokens,
        cache_creation=usage.cache_creation_input_tokens,
        cache_creation_1h=usage.cache_creation_1h_input_tokens,
        reasoning=usage.reasoning_output_tokens,
        web_searches=usage.web_searches,
        requests=usage.requests,
        other=other_tokens(usage) or {},
    )
