"""What the endpoints of routing take and give, as JSON schema."""

from typing import Any

from apps.costs.api.schema import nullable, struct_schema
from apps.routing.domain.asked import Asked

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
_QUESTION = struct_schema(Asked)
_MODEL = {"type": "object", "required": ["provider", "name"], "properties": {"provider": TEXT, "name": TEXT}}
DECISION_REQUEST: dict[Any, Any] = {"application/json": _QUESTION}
_ANSWERED = {
    "type": "object",
    "required": [
        "id", "action", "tier", "model", "fallbacks", "complexity", "expected", "considered", "reason_code", "reason",
        "budget", "budget_blocks", "downgrade", "reservation", "compress", "policy_version", "ttl_s", "sticky",
        "propensity",
    ],
    "properties": {
        "id": TEXT,
        "action": {"enum": ["route", "keep", "block"]},
        "tier": nullable(TEXT),
        "model": nullable(_MODEL),
        "fallbacks": {"type": "array", "items": _MODEL},
        "reason_code": TEXT,
        "reason": TEXT,
        "budget_blocks": {
            "type": "boolean",
            "description": "a budget that blocks applies: what is not reserved may overrun it",
        },
        "policy_version": {"type": "integer"},
        "ttl_s": {"type": "integer"},
        "sticky": {"type": "boolean"},
        "propensity": {"type": "number", "description": "the chance of this choice"},
    },
}  # fmt: skip
DECISION_ANSWER: dict[Any, Any] = {
    (201, "application/json"): _ANSWERED,
    (200, "application/json"): _ANSWERED,
}
_MESSAGE = {"type": "object", "required": ["role"], "properties": {"role": TEXT}}
COMPRESSION_REQUEST: dict[Any, Any] = {
    "application/json": {
        "type": "object",
        "required": ["messages"],
        "properties": {
            "messages": {"type": "array", "minItems": 1, "items": _MESSAGE},
            "provider": TEXT,
            "model": TEXT,
            "target_tokens": {"type": "integer", "minimum": 1},
            "target_reduction": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "keep_recent": {"type": "integer", "minimum": 0},
            "keep": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "query": TEXT,
            "builds_on": {"type": "string", "description": "an earlier compression whose shorter texts are sent again"},
            "cached_tokens": {"type": "integer", "minimum": 0, "description": "of the prompt, in the provider's cache"},
            "calls_ahead": {"type": "integer", "minimum": 1, "description": "calls that go on from this prompt"},
            "summary": {
                "description": "true: what to ask a model to sum up; an object: what it wrote, and what that cost",
                "oneOf": [
                    {"type": "boolean"},
                    {
                        "type": "object",
                        "required": ["text", "cost_usd"],
                        "properties": {"text": TEXT, "cost_usd": TEXT},
                    },
                ],
            },
        },
    }
}
COMPRESSION_ANSWER: dict[Any, Any] = {
    (200, "application/json"): {
        "type": "object",
        "required": [
            "id", "messages", "tokens_before", "tokens_after", "usd_saved", "cache_usd_lost", "worth_it", "dropped",
            "quality",
        ],
        "properties": {
            "id": TEXT,
            "messages": {"type": "array", "items": _MESSAGE},
            "tokens_before": {"type": "integer"},
            "tokens_after": {"type": "integer"},
            "target_tokens": {"type": "integer"},
            "target_met": {"type": "boolean"},
            "usd_saved": nullable(TEXT),
            "cache_usd_lost": nullable(TEXT),
            "summary_usd": nullable(TEXT),
            "summary_request": {"type": ["object", "null"]},
            "worth_it": {"type": "boolean"},
            "reason": TEXT,
            "dropped": {"type": "array", "items": {"type": "object"}},
            "quality": {"type": "object"},
        },
    }
}  # fmt: skip
