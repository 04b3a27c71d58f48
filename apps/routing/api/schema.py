"""What the endpoints of routing take and give, as JSON schema."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
ANY_OBJECT: dict[Any, Any] = {(200, "application/json"): {"type": "object"}}
CONFIG: dict[Any, Any] = {
    (200, "application/json"): {
        "type": "object",
        "required": [
            "version", "ttl_s", "on_unreachable", "model_routing_enabled", "model_routing_strategy",
            "model_routing_budget_per_conversation", "model_routing_quality_threshold", "model_tiers",
            "complexity_thresholds", "default_tier", "context", "compression",
        ],
        "properties": {
            "version": {"type": "integer"},
            "ttl_s": {"type": "integer"},
            "on_unreachable": {"enum": ["open", "closed"]},
            "model_routing_enabled": {"type": "boolean"},
            "model_routing_strategy": {"enum": ["cost_optimized", "balanced", "quality_first"]},
            "model_tiers": {"type": "object"},
            "complexity_thresholds": {"type": "object"},
        },
    },
    304: None,
}  # fmt: skip
