"""The policy of a fresh installation: the agent's own settings, with models that answer and caps that admit them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from apps.costs.domain.pricing.plain import rate_text

from .policy import ModelKey
from .policy_checks import UNKNOWN, PriceFacts
from .retirements import announced_end, retirement_of

# Per tier the models the agent's settings name, then what replaces them once their day has come.
WANTED: dict[str, tuple[tuple[str, str], ...]] = {
    "simple": (
        ("openrouter", "openai/gpt-4.1-mini"),
        ("openrouter", "openai/gpt-5-mini"),
        ("openrouter", "openai/gpt-6-luna"),
    ),
    "standard": (
        ("openrouter", "openai/gpt-4.1"),
        ("openrouter", "openai/gpt-5"),
        ("openrouter", "openai/gpt-6.1-terra"),
    ),
    "premium": (
        ("anthropic", "claude-3-opus"),
        ("anthropic", "claude-opus-5-5"),
        ("anthropic", "claude-opus-5"),
        ("anthropic", "claude-opus-4-5"),
        ("anthropic", "claude-opus-4-1"),
    ),
}
EDGES = {"simple": 0.3, "standard": 0.7, "premium": 0.9}
STEPS = (Decimal(1), Decimal("1.5"), Decimal(2), Decimal(3), Decimal(5), Decimal(10))


def first_document(facts: Mapping[ModelKey, PriceFacts], *, today: date) -> dict[str, Any] | None:
    """The first policy at these prices; None when a tier's models have none."""
    chosen = {tier: _first_usable(keys, facts, today) for tier, keys in WANTED.items()}
    if None in chosen.values():
        return None
    return {
        "tiers": [_tier(name, key, facts[key]) for name, key in chosen.items() if key is not None],
        "default_tier": "standard",
        "model_routing_strategy": "cost_optimized",
        "model_routing_budget_per_conversation": "0.50",
        "model_routing_quality_threshold": 0.7,
    }


def roomy_cap(facts: PriceFacts) -> str:
    """The next round amount per 1k tokens at which even a call of nothing but output is admitted."""
    dearest = max(facts.input_usd_per_mtok or Decimal(0), facts.output_usd_per_mtok or Decimal(0)) / Decimal(1000)
    magnitude = Decimal(1).scaleb(dearest.adjusted()) if dearest else Decimal("0.0001")
    return rate_text(next(step * magnitude for step in STEPS if step * magnitude >= dearest))


def _first_usable(keys: tuple[ModelKey, ...], facts: Mapping[ModelKey, PriceFacts], today: date) -> ModelKey | None:
    """The first that has a price and is not retired; one whose announced day has come only if there is no other."""
    usable = [key for key in keys if facts.get(key, UNKNOWN).per_1k_usd is not None and not retirement_of(*key)]
    return min(usable, key=lambda key: _has_ended(key, today), default=None)


def _has_ended(key: ModelKey, today: date) -> bool:
    """Whether the day has come on which a model was to end; it may have been moved."""
    end = announced_end(*key)
    return end is not None and end.day <= today.isoformat()


def _tier(name: str, key: ModelKey, facts: PriceFacts) -> dict[str, Any]:
    provider, model = key
    return {
        "name": name,
        "upper": EDGES[name],
        "max_cost_per_1k_tokens": roomy_cap(facts),
        "models": [{"provider": provider, "name": model, "supports": ["tools", "vision", "json"]}],
    }
