"""Usage of a stream, merged from its chunks: providers repeat cumulative counts, so the last one told wins.

Feed every chunk, as JSON or as an object of the provider's library; then read `fields`.
"""

from __future__ import annotations

from typing import Any

from .provider_usage import anthropic_tokens, estimated_tokens, money, openai_tokens, part


class OpenAIStream:
    """Chat completions (usage on the last chunk, or cumulative on each) and the events of responses."""

    def __init__(self) -> None:
        self.usage: object = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.service_tier: str | None = None
        self.is_complete = False
        self.error_type: str | None = None
        self._characters = 0

    def feed(self, chunk: object) -> bool:
        """Learn from a chunk. Whether it carries content: the first that does is the first token."""
        whole = part(chunk, "response") or chunk
        self.usage = part(whole, "usage") or self.usage
        self.model = part(whole, "model") or self.model
        self.response_id = part(whole, "id") or self.response_id
        self.service_tier = part(whole, "service_tier") or self.service_tier
        kind = part(chunk, "type") or ""
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self.is_complete = True
            self.error_type = failure_of(whole)
        elif kind == "error":
            self.error_type = str(part(chunk, "code") or "error")
        before = self._characters
        if kind.endswith(".delta"):
            self._characters += len(str(part(chunk, "delta") or ""))
        for choice in part(chunk, "choices") or ():
            self.is_complete = self.is_complete or part(choice, "finish_reason") is not None
            self._characters += len(str(part(choice, "text") or "")) + _delta_characters(part(choice, "delta"))
        return self._characters > before

    def fields(self, input_characters: int) -> dict[str, Any]:
        """Fields of the record; an estimate, and marked, when the provider told no usage."""
        if self.usage is None:
            return _estimate(input_characters, self._characters)
        return {**openai_tokens(self.usage), "cost_usd": money(part(self.usage, "cost"))}


def failure_of(response: object) -> str | None:
    """What went wrong with a response that failed although its request was answered; None for any other."""
    if part(response, "object") != "response" or part(response, "status") != "failed":
        return None
    return str(part(response, "error", "code") or "failed")


class AnthropicStream:
    """Messages: input on `message_start`, output on every `message_delta`, both cumulative."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self.model: str | None = None
        self.response_id: str | None = None
        self.service_tier: str | None = None
        self.is_complete = False
        self.error_type: str | None = None
        self._characters = 0

    def feed(self, event: object) -> bool:
        """Learn from an event. Whether it carries content."""
        kind = part(event, "type")
        if kind == "message_start":
            self.model, self.response_id = part(event, "message", "model"), part(event, "message", "id")
        for usage in (part(event, "message", "usage"), part(event, "usage")):
            for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
                         "cache_creation", "output_tokens_details", "server_tool_use", "service_tier"):  # fmt: skip
                if (value := part(usage, name)) is not None:
                    self.usage[name] = value
        self.is_complete = self.is_complete or kind == "message_stop"
        delta, before = part(event, "delta"), self._characters
        if kind == "content_block_delta":
            self._characters += sum(len(part(delta, name) or "") for name in ("text", "thinking", "partial_json"))
        return self._characters > before

    def fields(self, input_characters: int) -> dict[str, Any]:
        """Fields of the record; output is estimated, and marked, when the stream broke off before it was told."""
        if not self.usage:
            return _estimate(input_characters, self._characters)
        told = anthropic_tokens(self.usage)
        if not self.is_complete and (estimate := estimated_tokens(self._characters)) > told["output_tokens"]:
            return {**told, "output_tokens": estimate, "usage_source": "estimate"}
        return told


def _delta_characters(delta: object) -> int:
    count = sum(len(part(delta, name) or "") for name in ("content", "reasoning_content", "reasoning", "refusal"))
    return count + sum(len(part(call, "function", "arguments") or "") for call in part(delta, "tool_calls") or ())


def _estimate(input_characters: int, output_characters: int) -> dict[str, Any]:
    return {
        "input_tokens": estimated_tokens(input_characters),
        "output_tokens": estimated_tokens(output_characters),
        "usage_source": "estimate",
    }
