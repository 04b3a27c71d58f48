"""What can be sent and what comes back, typed. `docs/agents/` and the server's `/api/docs` say what fields mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict

Status = Literal["ok", "error", "cancelled", "interrupted"]


class Usage(TypedDict, total=False):
    """One model call or tool execution. `input_tokens` include cached ones, `output_tokens` the reasoning."""

    id: str
    occurred_at: datetime | str
    provider: str
    model: str
    operation: str
    role: str
    task_type: str
    tool: str
    project: str
    agent: str
    user: str
    conversation_id: str
    task_id: str
    run_id: str
    parent_id: str
    request_id: str
    response_id: str
    tool_call_id: str
    tags: Mapping[str, str]
    input_tokens: int
    output_tokens: int
    input_text: str
    output_text: str
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    cache_creation_1h_input_tokens: int
    reasoning_output_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    input_video_tokens: int
    output_audio_tokens: int
    output_image_tokens: int
    output_video_tokens: int
    cache_read_input_audio_tokens: int
    cache_read_input_image_tokens: int
    web_searches: int
    requests: int
    calls: int
    service_tier: str
    tier: str
    status: Status
    error_type: str
    attempt: int
    latency_ms: int
    time_to_first_token_ms: int
    cache_hit: bool
    compressed: bool
    compression_id: str
    decision_id: str
    reservation_id: str
    reservation_final: bool
    cost_usd: Decimal | str
    usage_source: Literal["provider", "estimate"]
    success: bool
    quality: float


class Outcome(TypedDict, total=False):
    """How a task, a conversation, a decision or one call went."""

    id: str
    task_id: str
    conversation_id: str
    decision_id: str
    usage_id: str
    project: str
    success: bool
    quality: float
    source: Literal["tests", "user", "judge", "agent"]
    task_type: str
    note: str


@dataclass(frozen=True)
class Model:
    """A model as it is billed."""

    provider: str
    name: str


ModelLike = Model | tuple[str, str] | Mapping[str, str]


class Question(TypedDict, total=False):
    """What a decision is asked with."""

    conversation_id: str
    project: str
    agent: str
    user: str
    role: str
    task_type: str
    tool: str
    tags: Mapping[str, str]
    message: str
    input_tokens: int
    expected_output_tokens: int
    tools_offered: int
    requires: Sequence[str]
    context_tokens: int
    current: ModelLike
    pinned: ModelLike
    strategy: str
    quality_threshold: float
    max_cost_usd: Decimal | str
    failed_attempts: Sequence[Mapping[str, str]]
    reserve: bool
    reserve_ttl_s: int
    parent_reservation_id: str


@dataclass(frozen=True)
class Decision:
    """Which model to use. `model` is None only when nobody named one: then the agent's own choice stands."""

    action: Literal["route", "keep", "block"]
    model: Model | None
    fallbacks: tuple[Model, ...] = ()
    reason_code: str = ""
    reason: str = ""
    source: Literal["server", "cache", "config", "agent"] = "server"
    """Who decided: the server now, its answer of a moment ago, its last config, or nobody but the agent."""
    id: str | None = None
    """To report the call with, as `decision_id`; None when the server did not decide."""
    tier: str | None = None
    budget: Mapping[str, Any] | None = None
    reservation: Mapping[str, Any] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The whole answer of the server."""

    @property
    def fields(self) -> dict[str, Any]:
        """For `report`: `bursar.report(**decision.fields, …)` ties the call to it, and settles what is held for it."""
        held = self.reservation["id"] if self.reservation else None
        told = {"decision_id": self.id, "reservation_id": held}
        return {name: value for name, value in told.items() if value}


def as_model(value: object) -> Model | None:
    """A model from any of its forms; None for what is none."""
    if isinstance(value, Model):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return Model(str(value[0]), str(value[1]))
    if isinstance(value, Mapping) and value.get("provider") and value.get("name"):
        return Model(str(value["provider"]), str(value["name"]))
    return None


def plain(value: object) -> Any:
    """A field as JSON: money as a decimal string, times with their offset. Raises ValueError or TypeError."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.astimezone()).isoformat()
    if isinstance(value, Model):
        return {"provider": value.provider, "name": value.name}
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return value
