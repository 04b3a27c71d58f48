"""A small price book, and usage posted as an agent posts it: through the API, with a key."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.costs.domain.pricing import Rate, Rates, ServiceTier, Tiered
from apps.costs.services.price_book import load_list
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList
from tests.cast import HeldKey

JSON = "application/json"


def rates(**usd: str) -> dict[str, Rate]:
    """Rates by unit: USD per million tokens, per thousand of anything else."""
    return {unit: Decimal(rate) for unit, rate in usd.items()}


GPT = Rates(
    rates(input_tokens="2", output_tokens="8", cache_read_input_tokens="0.5"),
    service_tiers={"batch": ServiceTier(multiplier=Decimal("0.5"))},
)
CLAUDE = Rates(
    rates(
        input_tokens="3",
        output_tokens="15",
        cache_read_input_tokens="0.3",
        cache_creation_input_tokens="3.75",
        cache_creation_1h_input_tokens="6",
        web_searches="10",
    )
)
GEMINI = Rates(
    {
        "input_tokens": Tiered(Decimal("1.25"), ((200_000, Decimal("2.5")),)),
        "output_tokens": Tiered(Decimal("10"), ((200_000, Decimal("15")),)),
        "input_audio_tokens": Decimal("7"),
    }
)
GIFT = Rates(rates(input_tokens="0", output_tokens="0"))
SMALL_BOOK = {
    ("openai", "gpt-4.1"): GPT,
    ("anthropic", "claude-sonnet-4-5"): CLAUDE,
    ("google", "gemini-2.5-pro"): GEMINI,
    ("groq", "gift"): GIFT,
}


def load_prices(
    book: dict[tuple[str, str], Rates] = SMALL_BOOK, effective_from: datetime | None = None, version: str = "1"
) -> None:
    """Append these prices to the price book."""
    listed: dict[str, list[ListedModel]] = {}
    for (provider, name), found in book.items():
        prices = [ListedPrice(effective_from, found)]
        listed.setdefault(provider, []).append(ListedModel(name, name, None, False, None, prices))
    providers = [ListedProvider(provider, provider, (), models) for provider, models in listed.items()]
    load_list(listed=PriceList("tests", version, None, providers), now=datetime.now(UTC))


def call(**fields: Any) -> dict[str, Any]:
    """A call that costs 1,000 × 2 $/M + 100 × 8 $/M = 0.0028 $; a field given as None is left out."""
    usual = {"provider": "openai", "model": "gpt-4.1", "input_tokens": 1000, "output_tokens": 100}
    return {name: value for name, value in (usual | fields).items() if value is not None}


def post(key: HeldKey, body: Any, query: str = "", **headers: str) -> Any:
    """POST one record, a list of records, or raw bytes; the answer."""
    if isinstance(body, list):
        body = {"records": body}
    data = body if isinstance(body, bytes) else json.dumps(body)
    return key.client.post(f"/api/usage{query}", data, content_type=JSON, headers=headers)


def posted(key: HeldKey, body: Any, query: str = "?results=all") -> dict[str, Any]:
    """What a 200 says."""
    answer = post(key, body, query)
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def only_result(key: HeldKey, **fields: Any) -> dict[str, Any]:
    """The one result of a record sent in a batch of its own."""
    (result,) = posted(key, [call(**fields)])["results"]
    assert isinstance(result, dict)
    return result


def shown(key: HeldKey, usage_id: str, project: str = "default") -> dict[str, Any]:
    """One record as the API shows it."""
    answer = key.client.get(f"/api/usage/{usage_id}", {"project": project})
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told
