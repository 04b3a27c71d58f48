"""A small price book for routing, policies over it, and acts on them, ready to be sent by a page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.costs.domain.pricing import Rates
from apps.routing.models import PolicyVersion
from apps.routing.services.policies import make_draft, publish
from tests.costs.posting import load_prices, rates

MINI = ("openrouter", "openai/gpt-4.1-mini")
FULL = ("openrouter", "openai/gpt-4.1")
OPUS = ("anthropic", "claude-opus-5-5")
BOOK = {
    MINI: Rates(rates(input_tokens="0.4", output_tokens="1.6", cache_read_input_tokens="0.1")),
    FULL: Rates(rates(input_tokens="2", output_tokens="8", cache_read_input_tokens="0.5")),
    OPUS: Rates(rates(input_tokens="4", output_tokens="20", cache_read_input_tokens="0.2")),
    ("anthropic", "claude-3-opus"): Rates(rates(input_tokens="15", output_tokens="75")),
    ("openai", "gpt-4.1"): Rates(rates(input_tokens="2", output_tokens="8", cache_read_input_tokens="0.5")),
}
# As the agent keeps it, to the letter.
AGENT_BLOCK = {
    "model_routing_enabled": True,
    "model_routing_strategy": "cost_optimized",
    "model_routing_budget_per_conversation": 0.50,
    "model_routing_quality_threshold": 0.7,
    "model_tiers": {
        "simple": {"provider": "openrouter", "model": "openai/gpt-4.1-mini", "max_cost_per_1k_tokens": 0.0001},
        "standard": {"provider": "openrouter", "model": "openai/gpt-4.1", "max_cost_per_1k_tokens": 0.001},
        "premium": {"provider": "anthropic", "model": "claude-3-opus", "max_cost_per_1k_tokens": 0.015},
    },
    "complexity_thresholds": {"simple": 0.3, "standard": 0.7, "premium": 0.9},
}


def model(key: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A model of a tier."""
    return {"provider": key[0], "name": key[1], **fields}


def document(**fields: Any) -> dict[str, Any]:
    """A policy that works with BOOK; fields replace its own."""
    tiers = [
        {"name": "simple", "upper": 0.3, "max_cost_per_1k_tokens": "0.002", "models": [model(MINI)]},
        {"name": "standard", "upper": 0.7, "max_cost_per_1k_tokens": "0.01", "models": [model(FULL)]},
        {"name": "premium", "upper": 0.9, "max_cost_per_1k_tokens": "0.03", "models": [model(OPUS)]},
    ]
    return {"tiers": tiers, "default_tier": "standard", **fields}


def load_book() -> None:
    """The prices of BOOK."""
    load_prices(BOOK)


def draft(policy: Mapping[str, Any] | None = None) -> int:
    """A draft, by its id."""
    load_book()
    return make_draft(caller="tests", document=policy or document(rules=[])).pk


def published(policy: Mapping[str, Any] | None = None) -> PolicyVersion:
    """A published policy."""
    return publish(caller="tests", draft_id=draft(policy), now=datetime.now(UTC))


def earlier_version() -> int:
    """The id of a version that is no longer in force."""
    first = published()
    published(document(model_routing_strategy="balanced"))
    return first.pk
