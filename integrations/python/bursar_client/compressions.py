"""Prompts made shorter by the server, at times with a summary by the agent's own utility model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .fields import plain
from .transport import Transport, Unreachable

logger = logging.getLogger("bursar_client")
Messages = Sequence[Mapping[str, Any]]
Summarize = Callable[[list[dict[str, Any]], int], "tuple[str, Decimal | str]"]
"""Asks the agent's utility model: messages and the most tokens of the answer, to the text and what it cost in USD."""


@dataclass(frozen=True)
class Compression:
    """Messages to send, and what to report the call with. Unchanged messages have no id."""

    messages: list[dict[str, Any]]
    id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The whole answer of the server; empty when there was none."""

    @property
    def fields(self) -> dict[str, Any]:
        """For `report`: `bursar.report(**compression.fields, …)`."""
        return {"compressed": True, "compression_id": self.id} if self.id else {}


def unchanged(messages: Messages) -> Compression:
    """Without the server the messages are sent as they are."""
    return Compression([dict(one) for one in messages])


def asked(transport: Transport, messages: Messages, wish: Mapping[str, Any], seconds: float) -> Compression:
    """The server's answer. Raises Unreachable."""
    body = {**{name: plain(value) for name, value in wish.items() if value is not None}, "messages": list(messages)}
    answer = transport.ask("POST", "/api/routing/compressions", body=body, seconds=seconds)
    told = answer.json() if answer.status == 200 else {}
    found = told.get("messages")
    if not isinstance(found, list) or len(found) != len(messages):
        raise Unreachable(f"{answer.status}: {answer.detail}")
    return Compression(found, told.get("id") if told.get("worth_it") else None, told)


def request_of(compression: Compression) -> tuple[list[dict[str, Any]], int] | None:
    """What the server would have the utility model asked; None when nothing."""
    request = compression.raw.get("summary_request")
    if not isinstance(request, Mapping):
        return None
    return list(request["messages"]), int(request["max_tokens"])


def better(plainly: Compression, summed: Compression) -> Compression:
    """The one that saves more after all it costs; without a price the shorter one."""
    return summed if _worth(summed) > _worth(plainly) else plainly


def _worth(one: Compression) -> tuple[Decimal, int]:
    raw = one.raw
    if one.id is None:
        return Decimal(0), -int(raw.get("tokens_before", 0))
    names = ("cache_usd_lost", "summary_usd")
    lost = sum((Decimal(raw[name]) for name in names if raw.get(name) is not None), Decimal(0))
    saved = raw.get("usd_saved")
    return (Decimal(0) if saved is None else Decimal(saved) - lost), -int(raw["tokens_after"])
