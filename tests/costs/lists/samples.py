"""Small price lists for tests."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from apps.costs.domain.matching import Rule
from apps.costs.domain.pricing import Rates
from apps.costs.services.price_book.listing import ListedModel, ListedPrice, ListedProvider, PriceList

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EDITION = date(2026, 11, 23)


def at(usd_per_mtok: str) -> int:
    """What a million tokens cost at a rate, in femto-dollars."""
    return int(Decimal(usd_per_mtok) * 10**15)


def token_entry(door: str, input: str, output: str = "1e-05", **more: Any) -> dict[str, Any]:
    """An entry of litellm's map, in its own unit: USD for one token."""
    return {"litellm_provider": door, "mode": "chat", "input_cost_per_token": float(input),
            "output_cost_per_token": float(output), **more}  # fmt: skip


def map_of(entries: dict[str, Any]) -> bytes:
    """litellm's map as it lies in its package."""
    return json.dumps(entries).encode()


def genai_list(*models: tuple[str, str, str, Rule | None], version: str = "1.0") -> PriceList:
    """A list of the first rank: provider, name, USD per million input tokens, rule."""
    providers = [
        ListedProvider(
            provider, provider.title(), (),
            [ListedModel(name, "", None, False, rule, [listed_price(usd)])
             for of, name, usd, rule in models if of == provider],
        )
        for provider in dict.fromkeys(provider for provider, *_ in models)
    ]  # fmt: skip
    return PriceList("genai-prices", version, EDITION, providers)


def listed_price(usd: str) -> ListedPrice:
    """A price of so many USD per million input tokens, and 10 for output."""
    return ListedPrice(None, Rates({"input_tokens": Decimal(usd), "output_tokens": Decimal(10)}))


def genai_text(*models: tuple[str, str, str]) -> bytes:
    """The data module of genai-prices: provider, name, USD per million input tokens; output costs 10."""
    made = [
        f"Provider(id={provider!r}, name={provider!r}, api_pattern='x', models=["
        + ", ".join(
            f"ModelInfo(id={name!r}, match=ClauseEquals(equals={name!r}),"
            f" prices=ModelPrice(input_mtok=Decimal({usd!r}), output_mtok=Decimal('10')))"
            for of, name, usd in models
            if of == provider
        )
        + "])"
        for provider in dict.fromkeys(provider for provider, *_ in models)
    ]
    return f"providers: list[Provider] = [{', '.join(made)}]".encode()
