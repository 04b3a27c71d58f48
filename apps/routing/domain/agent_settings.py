"""The settings block of the agent, in its own form, as a policy document."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from .policy import PolicyError

_TAKEN = {
    "model_routing_enabled",
    "model_routing_strategy",
    "model_routing_budget_per_conversation",
    "model_routing_quality_threshold",
    "model_tiers",
    "complexity_thresholds",
    "default_tier",
    "context",
    "compression",
}


def document_of_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The document of an agent's settings block, and what of the block was left aside.

    Money may be JSON numbers there; it is taken by its digits. Raises PolicyError when tiers are missing.
    """
    tiers = settings.get("model_tiers")
    if not isinstance(tiers, Mapping) or not tiers:
        raise PolicyError("The block has no model_tiers.", "model_tiers")
    edges = settings.get("complexity_thresholds")
    edges = edges if isinstance(edges, Mapping) else {}
    names = sorted(tiers, key=lambda name: edges.get(name, 1)) if edges else list(tiers)
    document: dict[str, Any] = {
        "tiers": [_tier(name, tiers[name], edges, number, len(names)) for number, name in enumerate(names)],
        "default_tier": settings.get("default_tier") or ("standard" if "standard" in names else names[0]),
    }
    for name in ("model_routing_enabled", "model_routing_strategy", "context", "compression"):
        if name in settings:
            document[name] = settings[name]
    if (threshold := settings.get("model_routing_quality_threshold")) is not None:
        document["model_routing_quality_threshold"] = float(threshold)
    if (budget := settings.get("model_routing_budget_per_conversation")) is not None:
        document["model_routing_budget_per_conversation"] = _usd(budget, "model_routing_budget_per_conversation")
    left = [f"{name} is no setting of routing and was left aside." for name in sorted(settings.keys() - _TAKEN)]
    return document, left


def _tier(name: str, settings: Any, edges: Mapping[str, Any], number: int, count: int) -> dict[str, Any]:
    path = f"model_tiers.{name}"
    if not isinstance(settings, Mapping):
        raise PolicyError("A tier is an object with provider and model, or with models.", path)
    models = settings.get("models")
    if models is None:
        models = [{"provider": settings.get("provider"), "name": settings.get("model") or settings.get("name")}]
    cap = settings.get("max_cost_per_1k_tokens")
    return {
        "name": name,
        "models": [_model(model) for model in models],
        "upper": float(edges.get(name, (number + 1) / count)),
        **({} if cap is None else {"max_cost_per_1k_tokens": _usd(cap, f"{path}.max_cost_per_1k_tokens")}),
    }


def _model(settings: Any) -> Any:
    if not isinstance(settings, Mapping):
        return settings
    known = ("provider", "name", "supports", "context_window", "limit_requests", "limit_input", "limit_output")
    return {name: settings[name] for name in (*known, "key_pool", "parameters") if name in settings}


def _usd(amount: Any, path: str) -> str:
    try:
        exact = Decimal(str(amount))
        if not exact.is_finite() or exact < 0 or isinstance(amount, bool):
            raise InvalidOperation
    except InvalidOperation as error:
        raise PolicyError(f"{amount!r} is no amount in USD.", path) from error
    return format(exact, "f")
