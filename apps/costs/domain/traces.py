"""Spans of instrumented agents as usage records, by OpenTelemetry's GenAI conventions and the names before them.

Each field has its names in the order in which they are looked for: today's convention first
(semantic-conventions-genai, still "development"), then its older names, then those of OpenLLMetry and OpenInference,
which many libraries still write.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CALLS = ("chat", "text_completion", "generate_content", "embeddings")
TOOL = "execute_tool"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ERROR = 2
_OWN = "bursar."
_TAG = "bursar.tag."

# What libraries without gen_ai.operation.name say instead; what is not here, agents and chains above all, is no call.
_KINDS = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "embeddings": "embeddings",
    "llm": "chat",
    "tool": TOOL,
}
_KIND_NAMES = ("llm.request.type", "openinference.span.kind", "traceloop.span.kind")

_TEXTS: Mapping[str, Sequence[str]] = {
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor"),
    "model": ("gen_ai.response.model", "gen_ai.request.model", "llm.response.model", "llm.request.model",
              "llm.model_name", "embedding.model_name"),
    "response_id": ("gen_ai.response.id",),
    "conversation_id": ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id"),
    "agent": ("gen_ai.agent.name", "service.name"),
    "user": ("enduser.id", "user.id"),
    "tool": ("gen_ai.tool.name", "tool.name", "traceloop.entity.name"),
    "tool_call_id": ("gen_ai.tool.call.id", "tool_call.id"),
}  # fmt: skip
_TOKENS: Mapping[str, Sequence[str]] = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens",
                     "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
                      "llm.token_count.completion"),
    "cache_read_input_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                                "gen_ai.usage.input_tokens.cached", "llm.token_count.prompt_details.cache_read"),
    "cache_creation_input_tokens": ("gen_ai.usage.cache_creation.input_tokens",
                                    "gen_ai.usage.cache_creation_input_tokens",
                                    "llm.token_count.prompt_details.cache_write"),
    "reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
                                "gen_ai.usage.output_tokens.reasoning",
                                "llm.token_count.completion_details.reasoning"),
}  # fmt: skip
_FIRST_TOKEN_SECONDS = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
_SERVICE_TIERS = ("openai.response.service_tier", "gen_ai.openai.response.service_tier")
_OWN_TEXTS = ("project", "agent", "user", "role", "task_type", "task_id", "run_id", "conversation_id", "request_id",
              "decision_id", "reservation_id", "tier")  # fmt: skip
# An id of zeroes alone is none, says OpenTelemetry: it would be the id of every such span.
_TRACE_ID, _SPAN_ID = re.compile(r"(?!0+\Z)[0-9a-f]{32}\Z"), re.compile(r"(?!0+\Z)[0-9a-f]{16}\Z")


@dataclass(frozen=True, slots=True)
class Span:
    """What is needed of a span; ids in hexadecimal, times in nanoseconds since 1970, `resource` from its sender."""

    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    status: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)
    exceptions: Sequence[str] = ()


class BadSpan(ValueError):
    """A span that is a call, but cannot be one of a record; the message names it."""


def record_of(span: Span) -> dict[str, Any] | None:
    """A record as `POST /api/usage` takes it; None for a span that is no call. Raises BadSpan for one without ids."""
    operation = operation_of(span)
    if operation is None:
        return None
    if not (_TRACE_ID.match(span.trace_id) and _SPAN_ID.match(span.span_id)):
        raise BadSpan(f"The trace id {span.trace_id[:40]!r} or span id {span.span_id[:40]!r} is none.")
    has_parent = _SPAN_ID.match(span.parent_id)
    record: dict[str, Any] = {
        "id": f"{span.trace_id}-{span.span_id}",
        "occurred_at": _moment(span.start),
        "operation": operation,
        "role": "embedding" if operation == "embeddings" else None,
        "run_id": span.trace_id,
        "parent_id": f"{span.trace_id}-{span.parent_id}" if has_parent else None,
        "latency_ms": max(0, span.end - span.start) // 1_000_000 if span.end else None,
        **{name: _text(span, names) for name, names in _TEXTS.items() if name not in _kept_from(operation)},
        **_own(span),
        **({} if operation == TOOL else _counts(span, operation)),
    }
    if span.status == _ERROR:
        record |= {"status": "error", "error_type": _error_type(span)}
    return {name: value for name, value in record.items() if value is not None}


def operation_of(span: Span) -> str | None:
    """The operation of a span that is a call or a tool execution; None for all others.

    `invoke_agent` and its like are none: they carry the sums of the calls inside them, which would count twice.
    """
    named = span.attributes.get("gen_ai.operation.name")
    if named is not None:
        return named if named in CALLS or named == TOOL else None
    for name in _KIND_NAMES:
        if (kind := _KINDS.get(str(span.attributes.get(name, "")).lower())) is not None:
            return kind
    return None


def _kept_from(operation: str) -> tuple[str, ...]:
    return ("provider", "model", "response_id") if operation == TOOL else ("tool", "tool_call_id")


def _counts(span: Span, operation: str) -> dict[str, Any]:
    counts = {name: _count(span, names) for name, names in _TOKENS.items()}
    has_failed = span.status == _ERROR
    for name in ("input_tokens", "output_tokens"):
        if counts[name] is None and (has_failed or (operation == "embeddings" and name == "output_tokens")):
            counts[name] = 0
    cached = (counts["cache_read_input_tokens"] or 0) + (counts["cache_creation_input_tokens"] or 0)
    if isinstance(counts["input_tokens"], int) and cached > counts["input_tokens"]:
        # Some write Anthropic's own input, which leaves out what was cached; the convention includes it.
        counts["input_tokens"] += cached
    tier = _text(span, _SERVICE_TIERS)
    first = next((span.attributes[name] for name in _FIRST_TOKEN_SECONDS if name in span.attributes), None)
    return {
        **counts,
        "service_tier": tier if tier in ("batch", "flex", "priority") else None,
        "time_to_first_token_ms": _milliseconds(first),
    }


def _own(span: Span) -> dict[str, Any]:
    """What the agent says in our own words, `bursar.task_type` and the like; on the span or on its resource."""
    found: dict[str, Any] = {}
    tags = {}
    for attributes in (span.resource, span.attributes):
        for name, value in attributes.items():
            if name.startswith(_TAG):
                tags[name[len(_TAG) :]] = str(value)
            elif name.startswith(_OWN) and name[len(_OWN) :] in _OWN_TEXTS:
                found[name[len(_OWN) :]] = str(value)
    attempt = span.attributes.get("bursar.attempt")
    return {**found, "attempt": attempt if isinstance(attempt, int) else None, "tags": tags or None}


def _text(span: Span, names: Sequence[str]) -> str | None:
    for name in names:
        value = span.attributes.get(name, span.resource.get(name))
        if isinstance(value, str) and value:
            return value
    return None


def _count(span: Span, names: Sequence[str]) -> Any:
    """A count as it was sent: one that cannot be is refused with its record, by name."""
    value = next((span.attributes[name] for name in names if name in span.attributes), None)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _error_type(span: Span) -> str:
    named = span.attributes.get("error.type") or next(iter(span.exceptions), None) or "unknown"
    return str(named)[:128]


def _milliseconds(seconds: object) -> int | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1_000_000:
        return None
    return round(seconds * 1000)


def _moment(nanoseconds: int) -> str | None:
    """RFC 3339, to the microsecond; None for the time 0, which means that it was not told."""
    if not 0 < nanoseconds < 2**63:
        return None
    return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).isoformat()
