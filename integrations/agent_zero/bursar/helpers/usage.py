"""Token counts of providers as Bursar's fields. Pure: objects or dictionaries in, plain values out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_ALTERNATIVES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("prompt_tokens",), ("input_tokens",)),
    "output_tokens": (("completion_tokens",), ("output_tokens",)),
    "cache_read_input_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("cache_read_input_tokens",),
    ),
    "cache_creation_input_tokens": (
        ("prompt_tokens_details", "cache_creation_tokens"),
        ("cache_creation_input_tokens",),
    ),
    "reasoning_output_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
    ),
}


def usage_fields(usage: Any) -> dict[str, Any]:
    """Bursar's token fields, and `cost_usd` where the provider tells it; empty without any count.

    `usage` is that of chat completions, of the Responses API, or LiteLLM's own. Parts never exceed their totals.
    """
    counts = {name: _first(usage, paths) for name, paths in _ALTERNATIVES.items()}
    if counts["input_tokens"] is None and counts["output_tokens"] is None:
        return {}
    told: dict[str, Any] = {"input_tokens": counts["input_tokens"] or 0, "output_tokens": counts["output_tokens"] or 0}
    room = told["input_tokens"]
    for part in ("cache_read_input_tokens", "cache_creation_input_tokens"):
        if counts[part]:
            told[part] = min(counts[part] or 0, room)
            room -= told[part]
    if counts["reasoning_output_tokens"]:
        told["reasoning_output_tokens"] = min(counts["reasoning_output_tokens"] or 0, told["output_tokens"])
    if (cost := _money(_get(usage, "cost"))) is not None:
        told["cost_usd"] = cost
    return told


def _first(usage: Any, paths: tuple[tuple[str, ...], ...]) -> int | None:
    for path in paths:
        value = usage
        for name in path:
            value = _get(value, name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _money(value: Any) -> str | None:
    """A decimal string as Bursar takes it: at most 15 decimals, no exponent."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount < 10**12:
        return None
    return f"{round(amount, 15):f}"
