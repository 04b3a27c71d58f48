"""The policy as agents read it: keys as in the agent's own settings, prices and windows beside each model."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.costs.domain.money_format import format_money
from apps.costs.domain.providers import canonical_provider

from .policy import ModelKey, Policy, PolicyModel, Tier
from .policy_checks import UNKNOWN, PriceFacts


def config_of(
    policy: Policy, version: int, facts: Mapping[ModelKey, PriceFacts], *, is_off: bool, unhealthy: frozenset[ModelKey]
) -> dict[str, Any]:
    """What `GET /api/routing/config` says: plain JSON values, money as strings."""
    return {
        "version": version,
        "ttl_s": policy.ttl_s,
        "on_unreachable": policy.on_unreachable,
        "model_routing_enabled": policy.model_routing_enabled and not is_off,
        "model_routing_strategy": policy.model_routing_strategy,
        "model_routing_budget_per_conversation": _usd(policy.model_routing_budget_per_conversation),
        "model_routing_quality_threshold": policy.model_routing_quality_threshold,
        "model_tiers": {tier.name: _tier(tier, facts, unhealthy) for tier in policy.tiers},
        "complexity_thresholds": {tier.name: tier.upper for tier in policy.tiers},
        "default_tier": policy.default_tier,
        "context": {
            "chat_model_ctx_history": policy.context.chat_model_ctx_history,
            "util_model_ctx_input": policy.context.util_model_ctx_input,
            "history_split": {
                "current": policy.context.history_split.current,
                "topics": policy.context.history_split.topics,
                "bulks": policy.context.history_split.bulks,
            },
        },
        "compression": {
            "min_cost_per_1k_tokens": _usd(policy.compression.min_cost_per_1k_tokens),
            "target_reduction": policy.compression.target_reduction,
            "keep_recent": policy.compression.keep_recent,
        },
    }


NOTHING: dict[str, Any] = {
    "version": 0,
    "ttl_s": 60,
    "on_unreachable": "open",
    "model_routing_enabled": False,
    "model_routing_strategy": "cost_optimized",
    "model_routing_budget_per_conversation": None,
    "model_routing_quality_threshold": 0.7,
    "model_tiers": {},
    "complexity_thresholds": {},
    "default_tier": None,
    "context": None,
    "compression": None,
}
"""Before a policy was ever published: routing is off, and agents keep their own models."""


def _tier(tier: Tier, facts: Mapping[ModelKey, PriceFacts], unhealthy: frozenset[ModelKey]) -> dict[str, Any]:
    return {
        "models": [_model(model, facts.get(model.key, UNKNOWN), _key(model) not in unhealthy) for model in tier.models],
        "max_cost_per_1k_tokens": _usd(tier.max_cost_per_1k_tokens),
    }


def _key(model: PolicyModel) -> ModelKey:
    """As health is kept: by canonical provider."""
    return (canonical_provider(model.provider), model.name)


def _model(model: PolicyModel, facts: PriceFacts, healthy: bool) -> dict[str, Any]:
    return {
        "provider": model.provider,
        "name": model.name,
        "context_window": model.context_window or facts.context_window,
        "supports": list(model.supports),
        "input_usd_per_mtok": _money(facts.input_usd_per_mtok),
        "output_usd_per_mtok": _money(facts.output_usd_per_mtok),
        "healthy": healthy,
        "limit_requests": model.limit_requests,
        "limit_input": model.limit_input,
        "limit_output": model.limit_output,
        "key_pool": list(model.key_pool),
        "parameters": model.parameters,
    }


def _usd(amount: str | None) -> str | None:
    return None if amount is None else format_money(Decimal(amount))


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else format_money(amount)
