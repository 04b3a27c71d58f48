"""Run as a process on a prepared database: prices, a policy, and a budget of every conversation."""

import sys

import django

django.setup()

from datetime import UTC, datetime  # noqa: E402
from typing import Any  # noqa: E402

from apps.costs.domain.pricing import Rates  # noqa: E402
from apps.routing.services.policies import make_draft, publish  # noqa: E402
from tests.budgets.acts import make_budget  # noqa: E402
from tests.costs.posting import load_prices, rates  # noqa: E402

PRICES = {
    "strong-model": ("2", "8", "0.5"),
    "spare-model": ("2.2", "8.8", "0.55"),
    "cheap-model": ("0.4", "1.6", "0.1"),
    "utility-model": ("0.07", "0.3", "0.07"),
}
"""USD per million tokens: input, output, input from the cache."""
MOST_CALLS = 4
DEAR = "0.001"
"""USD for 1,000 tokens: prompts of the strong model are made shorter, where the plugin is told to."""

if __name__ == "__main__":
    book = {
        ("openai", name): Rates(rates(input_tokens=fresh, output_tokens=out, cache_read_input_tokens=cached))
        for name, (fresh, out, cached) in PRICES.items()
    }
    load_prices(book, version="zero")
    cheap, strong, spare = (
        {"provider": "openai", "name": name, "context_window": 200_000}
        for name in ("cheap-model", "strong-model", "spare-model")
    )
    tiers = [
        {"name": "simple", "upper": 0.001, "models": [cheap]},
        {"name": "standard", "upper": 0.7, "models": [strong, spare]},
    ]
    draft = make_draft(
        caller="tests",
        document={"tiers": tiers, "default_tier": "standard", "compression": {"min_cost_per_1k_tokens": DEAR}},
    )
    publish(caller="tests", draft_id=draft.pk, now=datetime.now(UTC))
    each: dict[str, Any] = {"each": "conversation", "period": "conversation"}
    downgrade = {"percent": 30, "action": "downgrade", "tier": "simple"}
    make_budget("0.4", name="Each chat", **each, thresholds=[downgrade])
    calls: dict[str, Any] = {
        "limit_usd": None,
        "limit_calls": int(sys.argv[1]) if sys.argv[1:] else MOST_CALLS,
        "scope": {"role": "chat"},
    }
    make_budget(name="Few calls", **each, **calls, thresholds=[{"percent": 100, "action": "block"}])
