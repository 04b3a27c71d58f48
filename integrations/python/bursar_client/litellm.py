"""`litellm.callbacks.append(BursarLogger(bursar))`: every call that passes through LiteLLM, whoever makes it.

LiteLLM tells a callback about calls that end. It says nothing of a stream that is left before its end, which is how
many agents read the answers of their main loop: the usage comes last, so nobody ever sees it. Such a stream is noticed
here when LiteLLM lets go of the call, and reported as interrupted, with an estimate. Retries inside a provider's
library are invisible to LiteLLM as well.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from .about import present
from .core import Core
from .provider_usage import estimated_tokens, money, openai_tokens, part
from .sdk import status_of

logger = logging.getLogger("bursar_client")
REMEMBERED = 10_000
OPERATIONS = {"embedding": "embeddings", "text_completion": "text_completion"}
ANSWERED = ("completion", "text_completion", "embedding", "responses")


@dataclass
class Known:
    """What is known of a call from its begin on."""

    about: Mapping[str, Any]
    details: Mapping[str, Any]
    at: datetime
    characters: int = 0
    attempts: list[tuple[str, str]] = field(default_factory=list)
    is_told: bool = False


class BursarLogger(CustomLogger):  # type: ignore[misc]
    """Reports what LiteLLM tells. Fields for a record: `metadata={"bursar": {"conversation_id": "42"}}`, or `about`."""

    def __init__(self, bursar: Core) -> None:
        super().__init__()
        self._bursar = bursar
        self._calls: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()
        # In a short script LiteLLM tells of the last call while the interpreter ends.
        bursar.start()

    # LiteLLM passes these arguments by name.

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        """A try begins, in the thread and context of the caller."""
        with _quiet():
            identity = str(kwargs.get("litellm_call_id") or "")
            known = self._known(identity, kwargs)
            known.about, known.details = present(), _details(kwargs)
            # The caller's frame holds the object that lives as long as LiteLLM holds the call.
            call = sys._getframe(1).f_locals.get("self")
            if kwargs.get("stream") and call is not None and getattr(call, "model_call_details", None) is kwargs:
                weakref.finalize(call, self._left, identity, len(json.dumps(messages, default=str)))

    def log_stream_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A chunk of a stream."""
        self._chunk(kwargs, response_obj)

    async def async_log_stream_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A chunk of a stream."""
        self._chunk(kwargs, response_obj)

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call has its whole answer."""
        self._answered(kwargs, response_obj, start_time, end_time)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call has its whole answer."""
        self._answered(kwargs, response_obj, start_time, end_time)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call has failed."""
        self._failed(kwargs, start_time, end_time)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call has failed."""
        self._failed(kwargs, start_time, end_time)

    def _known(self, identity: str, kwargs: Mapping[str, Any]) -> Known:
        with self._lock:
            known = self._calls.get(identity)
            if known is None:
                known = self._calls[identity] = Known({}, _details(kwargs), datetime.now().astimezone())
                while len(self._calls) > REMEMBERED:
                    self._calls.popitem(last=False)
        return known

    def _chunk(self, kwargs: Mapping[str, Any], chunk: object) -> None:
        with _quiet():
            known = self._known(str(kwargs.get("litellm_call_id") or ""), kwargs)
            for choice in part(chunk, "choices") or ():
                known.characters += len(part(choice, "delta", "content") or "")

    def _answered(self, kwargs: Mapping[str, Any], answer: object, start: Any, end: Any) -> None:
        with _quiet():
            told = part(kwargs, "standard_logging_object") or {}
            usage = part(answer, "usage")
            call_type = str(part(told, "call_type") or part(kwargs, "call_type") or "").removeprefix("a")
            if usage is None or call_type not in ANSWERED:
                return
            fields: dict[str, Any] = {**openai_tokens(usage), "response_id": part(answer, "id"), "status": "ok"}
            if part(kwargs, "stream") and not _is_providers(kwargs, usage):
                fields["usage_source"] = "estimate"
            if part(told, "cache_hit") is True or part(kwargs, "cache_hit") is True:
                fields["cache_hit"] = True
            if part(told, "custom_llm_provider") == "openrouter":
                fields["cost_usd"] = money(part(usage, "cost"))
            first = part(kwargs, "completion_start_time")
            if part(kwargs, "stream"):
                fields["time_to_first_token_ms"] = _milliseconds(start, first)
            self._report(kwargs, fields, start, end, model=part(answer, "model"), call_type=call_type)

    def _failed(self, kwargs: Mapping[str, Any], start: Any, end: Any) -> None:
        with _quiet():
            error = part(kwargs, "exception")
            status, error_type = status_of(error) if isinstance(error, BaseException) else ("error", "unknown")
            if "ContextWindow" in type(error).__name__:
                error_type = "context_length"
            known = self._known(str(kwargs.get("litellm_call_id") or ""), kwargs)
            fields = {"input_tokens": 0, "output_tokens": estimated_tokens(known.characters), "status": status,
                      "error_type": error_type}  # fmt: skip
            if known.characters or not hasattr(error, "status_code"):
                fields["usage_source"] = "estimate"
            if known.characters:
                fields["input_tokens"] = estimated_tokens(len(json.dumps(kwargs.get("messages"), default=str)))
            self._report(kwargs, fields, start, end, model=None, call_type="")

    def _left(self, identity: str, input_characters: int) -> None:
        """LiteLLM has let go of a stream. When nobody was told of its end, it was left before."""
        with _quiet():
            known = self._calls.get(identity)
            if known is None or known.is_told:
                return
            fields = {"input_tokens": estimated_tokens(input_characters),
                      "output_tokens": estimated_tokens(known.characters),
                      "usage_source": "estimate", "status": "interrupted"}  # fmt: skip
            now = datetime.now().astimezone()
            self._report(known.details, fields, known.at, now, model=None, call_type="")

    def _report(
        self, kwargs: Mapping[str, Any], fields: dict[str, Any], start: Any, end: Any, *, model: Any, call_type: str
    ) -> None:
        identity = str(kwargs.get("litellm_call_id") or "")
        known = self._known(identity, kwargs)
        mark = (str(start), str(fields["status"]))
        with self._lock:
            # The sync and the async callback may both be told of one call.
            if mark in known.attempts:
                return
            known.attempts.append(mark)
            known.is_told = True
        told = part(kwargs, "standard_logging_object") or {}
        provider = part(told, "custom_llm_provider") or part(kwargs, "custom_llm_provider")
        name = str(model or part(told, "model") or part(kwargs, "model") or "").removeprefix(f"{provider}/")
        metadata = part(kwargs, "litellm_params", "metadata") or {}
        record = {
            "provider": provider or "unknown", "model": name, "operation": OPERATIONS.get(call_type, "chat"),
            "role": "embedding" if call_type == "embedding" else None, "request_id": identity or None,
            "attempt": len(known.attempts), "conversation_id": part(metadata, "session_id"),
            "user": part(kwargs, "user") or part(told, "end_user") or None,
            "occurred_at": start if isinstance(start, datetime) else None,
            "latency_ms": _milliseconds(start, end),
            **fields, **known.about,
        }  # fmt: skip
        own = part(metadata, "bursar")
        record |= dict(own) if isinstance(own, Mapping) else {}
        self._bursar.report(**{name: value for name, value in record.items() if value is not None})


class _quiet:
    """Logs what goes wrong and goes on: a callback never changes the call."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            logger.error("A call could not be metered: %r", error)
            return True
        return False


def _details(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a record needs, in a copy: the original would keep the call alive for ever."""
    names = ("litellm_call_id", "custom_llm_provider", "model", "user")
    metadata = part(kwargs, "litellm_params", "metadata") or {}
    own = {name: metadata[name] for name in ("session_id", "bursar") if name in metadata}
    return {**{name: kwargs.get(name) for name in names}, "litellm_params": {"metadata": own}}


def _is_providers(kwargs: Mapping[str, Any], usage: object) -> bool:
    """Whether the usage of a stream is the provider's: LiteLLM counts by itself where none came."""
    options = part(kwargs, "optional_params", "stream_options") or part(kwargs, "stream_options")
    return part(options, "include_usage") is True or any(
        part(usage, name) is not None for name in ("prompt_tokens_details", "input_tokens_details")
    )


def _milliseconds(start: object, end: object) -> int | None:
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return None
    if (start.tzinfo is None) != (end.tzinfo is None):
        start, end = start.astimezone(), end.astimezone()
    return max(0, round((end - start).total_seconds() * 1000))
