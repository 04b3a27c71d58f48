"""What providers call usage, as fields of a record: input with its cached part, output with its reasoning.

Works on the providers' JSON and on the objects of their libraries alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SERVICE_TIERS = {"standard", "batch", "flex", "priority"}


def part(value: object, *path: str) -> Any:
    """The field at the end of a path of names, in mappings or objects; None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def openai_tokens(usage: object) -> dict[str, Any]:
    """Of chat completions, completions, embeddings and responses; also of the many servers that speak like OpenAI.

    `prompt_tokens` include the cached ones, `completion_tokens` the reasoning. LiteLLM and OpenRouter add cache writes.
    """
    inside = part(usage, "prompt_tokens_details") or part(usage, "input_tokens_details")
    made = part(usage, "completion_tokens_details") or part(usage, "output_tokens_details")
    reads = _count(part(inside, "cached_tokens")) or _count(part(usage, "cache_read_input_tokens"))
    reads = reads or _count(part(usage, "prompt_cache_hit_tokens"))  # DeepSeek
    writes = _count(part(inside, "cache_creation_tokens")) or _count(part(inside, "cache_write_tokens"))
    writes = writes or _count(part(usage, "cache_creation_input_tokens"))
    inputs = _first(usage, "prompt_tokens", "input_tokens")
    outputs = _first(usage, "completion_tokens", "output_tokens")
    fields = {
        "input_tokens": max(inputs, reads + writes),
        "output_tokens": outputs,
        "cache_read_input_tokens": reads,
        "cache_creation_input_tokens": writes,
        "cache_creation_1h_input_tokens": min(
            writes, _count(part(inside, "cache_creation_token_details", "ephemeral_1h_input_tokens"))
        ),
        "reasoning_output_tokens": min(outputs, _count(part(made, "reasoning_tokens"))),
        "input_audio_tokens": min(inputs, _count(part(inside, "audio_tokens"))),
        "output_audio_tokens": min(outputs, _count(part(made, "audio_tokens"))),
        "web_searches": _count(part(inside, "web_search_requests"))
        or _count(part(usage, "server_tool_use", "web_search_requests")),
    }
    return _kept(fields)


def anthropic_tokens(usage: object) -> dict[str, Any]:
    """Of messages: `input_tokens` there exclude what was read from and written to the cache, so they are added up."""
    reads, writes = (_count(part(usage, f"cache_{kind}_input_tokens")) for kind in ("read", "creation"))
    tier = part(usage, "service_tier")
    outputs = _count(part(usage, "output_tokens"))
    fields = {
        "input_tokens": _count(part(usage, "input_tokens")) + reads + writes,
        "output_tokens": outputs,
        "cache_read_input_tokens": reads,
        "cache_creation_input_tokens": writes,
        "cache_creation_1h_input_tokens": min(
            writes, _count(part(usage, "cache_creation", "ephemeral_1h_input_tokens"))
        ),
        "reasoning_output_tokens": min(outputs, _count(part(usage, "output_tokens_details", "thinking_tokens"))),
        "web_searches": _count(part(usage, "server_tool_use", "web_search_requests")),
        "service_tier": tier if tier in SERVICE_TIERS and tier != "standard" else None,
    }
    return _kept(fields)


def money(value: object) -> str | None:
    """USD as a provider told it, a decimal string; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = format(value, ".15f") if isinstance(value, float) else str(value)
    whole, _, rest = text.partition(".")
    if not (whole.isdecimal() and (not rest or rest.isdecimal()) and len(whole) <= 12):
        return None
    return f"{whole}.{rest[:15]}".rstrip("0").rstrip(".") or "0"


def estimated_tokens(characters: int) -> int:
    """Four characters a token: only for what no provider counted, and marked as an estimate."""
    return -(-characters // 4)


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0


def _first(usage: object, *names: str) -> int:
    return next((_count(value) for name in names if (value := part(usage, name)) is not None), 0)


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    """Zeros of parts are left out; input and output always stay."""
    return {name: value for name, value in fields.items() if value or name in ("input_tokens", "output_tokens")}
