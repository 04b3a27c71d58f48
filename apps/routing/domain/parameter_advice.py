"""Parameters of a model that make its provider bill less: which ones, for whom, and a policy that has them.

They are those of LiteLLM, which most agents call models by; an agent that does not know one leaves it out.
"""

from collections.abc import Mapping
from typing import Any, Literal

from apps.costs.domain.providers import canonical_provider

Kind = Literal["cache", "flex", "retries"]
KINDS: tuple[Kind, ...] = ("cache", "flex", "retries")
_PARAMETERS: Mapping[Kind, Mapping[str, Any]] = {
    "cache": {"cache_control_injection_points": [{"location": "message", "role": "system"},
                                                 {"location": "message", "index": -1}]},
    "flex": {"service_tier": "flex"},
    "retries": {"max_retries": 0},
}  # fmt: skip
# Who caches only what is marked, by docs.litellm.ai/docs/tutorials/prompt_caching; others cache by themselves.
_MARKED_PROVIDERS = frozenset({"anthropic", "minimax", "zai"})
_MARKED_SELLERS = frozenset({"aws", "azure", "google", "databricks", "openrouter"})
_MARKED_NAMES = ("claude", "minimax", "glm-")
_MARKED_GOOGLE = ("claude",)
"""Gemini is left out: it caches by itself, and marks would rent a cache by the hour."""


def parameters_of(kind: Kind) -> dict[str, Any]:
    """The parameters that an advice puts on a model."""
    return dict(_PARAMETERS[kind])


def needs_marks(provider: str, name: str) -> bool:
    """Whether a model's provider caches only prompts that are marked."""
    seller, lower = canonical_provider(provider), name.lower()
    if seller in _MARKED_PROVIDERS:
        return True
    names = _MARKED_GOOGLE if seller == "google" else _MARKED_NAMES
    return seller in _MARKED_SELLERS and any(part in lower for part in names)


def has_parameters(document: Mapping[str, Any], provider: str, name: str, kind: Kind) -> bool | None:
    """Whether every place of a model in a policy document has them already; None when it has no place there."""
    models = [model for tier in document["tiers"] for model in tier["models"] if _is(model, provider, name)]
    if not models:
        return None
    return all(_PARAMETERS[kind].items() <= (model.get("parameters") or {}).items() for model in models)


def with_parameters(document: Mapping[str, Any], provider: str, name: str, kind: Kind) -> dict[str, Any]:
    """The document with the parameters on every place of a model; its other parameters stay."""

    def changed(model: Mapping[str, Any]) -> dict[str, Any]:
        if not _is(model, provider, name):
            return dict(model)
        return {**model, "parameters": {**(model.get("parameters") or {}), **_PARAMETERS[kind]}}

    tiers = [{**tier, "models": [changed(model) for model in tier["models"]]} for tier in document["tiers"]]
    return {**document, "tiers": tiers}


def _is(model: Mapping[str, Any], provider: str, name: str) -> bool:
    return canonical_provider(str(model["provider"])) == canonical_provider(provider) and model["name"] == name
