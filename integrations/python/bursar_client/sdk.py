"""Metering the clients of OpenAI and Anthropic in place: same client, same types, same errors; it only reports.

Both libraries send everything through `client.request`, and each try through `send` of the HTTP client inside it. The
first tells one call from its begin to its end, the second how many tries that took.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar

from .about import present
from .core import Core
from .ids import new_id
from .provider_usage import money, part
from .streams import AnthropicStream, OpenAIStream, failure_of

logger = logging.getLogger("bursar_client")
SdkClient = TypeVar("SdkClient")
Tokens = Callable[[object], dict[str, Any]]
RAW_HEADER = "x-stainless-raw-response"
_TIERS = ("batch", "flex", "priority")


@dataclass(frozen=True)
class Shape:
    """What one provider's API is like: the addresses that are calls, and how usage is told."""

    operations: Mapping[str, str]
    tokens: Tokens
    stream: Callable[[], OpenAIStream | AnthropicStream]
    asks_for_usage: str = ""
    """The address whose streams tell usage only when asked to."""


@dataclass
class Meter:
    """How one client is metered."""

    bursar: Core
    shape: Shape
    provider: str
    include_usage: bool


@dataclass
class Try:
    """One HTTP request of a call: when, how long in seconds, and what went wrong, if anything."""

    at: datetime
    seconds: float
    error_type: str | None


@dataclass
class Call:
    """One call until it is reported."""

    meter: Meter
    operation: str
    sent: Mapping[str, Any]
    about: Mapping[str, Any]
    hides_usage: bool = False
    tries: list[Try] = field(default_factory=list)
    request_id: str = field(default_factory=new_id)
    begin: float = field(default_factory=time.monotonic)
    first_token: float | None = None

    def done(self, result: object) -> None:
        """A whole answer."""
        usage, error_type = part(result, "usage"), failure_of(result)
        if usage is None and error_type is None:
            return
        told = {**self.meter.shape.tokens(usage), "cost_usd": money(part(usage, "cost"))}
        self.report(told, result, part(result, "service_tier"), "error" if error_type else "ok", error_type)

    def streamed(self, state: OpenAIStream | AnthropicStream, status: str, error_type: str | None) -> None:
        """A stream, read to its end or not."""
        told = state.fields(len(json.dumps(self.sent, default=str)))
        if self.first_token is not None:
            told["time_to_first_token_ms"] = round((self.first_token - self.begin) * 1000)
        if status == "ok" and state.error_type:
            status, error_type = "error", state.error_type
        self.report(told, {"model": state.model, "id": state.response_id}, state.service_tier, status, error_type)

    def failed(self, error: BaseException) -> None:
        """An error instead of an answer. What was never sent is no call."""
        if self.tries:
            status, error_type = status_of(error)
            # Who answers with an error bills nothing; who does not answer at all may.
            source = {} if hasattr(error, "status_code") else {"usage_source": "estimate"}
            self.report({"input_tokens": 0, "output_tokens": 0, **source}, {}, None, status, error_type)

    def report(
        self, told: dict[str, Any], result: object, tier: str | None, status: str, error_type: str | None
    ) -> None:
        """The tries that failed, then the one that counts."""
        known = {"provider": self.meter.provider, "operation": self.operation, "request_id": self.request_id}
        if self.operation == "embeddings":
            known["role"] = "embedding"
        known |= self.about
        last = self.tries.pop() if self.tries else None
        for number, one in enumerate(self.tries, 1):
            self._send(known, {"model": self.sent.get("model"), "input_tokens": 0, "output_tokens": 0,
                               "status": "error", "error_type": one.error_type or "unknown", "attempt": number,
                               "occurred_at": one.at, "latency_ms": round(one.seconds * 1000)})  # fmt: skip
        waited = sum(one.seconds for one in self.tries)
        told = {"service_tier": tier if tier in _TIERS else None, **told}
        self._send(known, {
            **told, "model": part(result, "model") or self.sent.get("model"), "response_id": part(result, "id"),
            "status": status, "error_type": error_type, "attempt": len(self.tries) + 1,
            "occurred_at": last.at if last else None,
            "latency_ms": round(max(0.0, time.monotonic() - self.begin - waited) * 1000),
        })  # fmt: skip

    def _send(self, known: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        self.meter.bursar.report(**{**fields, **known})


_call: ContextVar[Call | None] = ContextVar("bursar_call", default=None)


def meter(client: SdkClient, how: Meter) -> SdkClient:
    """Meter a client in place, and every copy made of it. Metering twice is metering once."""
    sdk: Any = client
    if getattr(sdk, "_bursar", None) is not None:
        return client
    sdk._bursar = how
    _meter_tries(sdk._client)
    inner = sdk.request
    if inspect.iscoroutinefunction(inner):
        sdk.request = _async_request(inner, how)
    else:
        sdk.request = _request(inner, how)
    for name in ("copy", "with_options"):
        setattr(sdk, name, _copying(getattr(sdk, name), how))
    return client


def status_of(error: BaseException) -> tuple[str, str | None]:
    """Status and error type of a record, from what was raised."""
    if isinstance(error, asyncio.CancelledError):
        return "cancelled", None
    if not isinstance(error, Exception):
        return "interrupted", None
    if "context_length" in str(getattr(error, "code", "") or ""):
        return "error", "context_length"
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return "error", str(status)
    return "error", "timeout" if "timeout" in type(error).__name__.lower() else type(error).__name__


def _copying(inner: Callable[..., Any], how: Meter) -> Callable[..., Any]:
    def copy(*args: Any, **kwargs: Any) -> Any:
        return meter(inner(*args, **kwargs), how)

    return copy


def _begun(how: Meter, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """The call this request is; None for one that is not metered. Never raises."""
    try:
        options = kwargs.get("options", args[1] if len(args) > 1 else None)
        operation = how.shape.operations.get(str(options.url).rstrip("/"))  # type: ignore[union-attr]
        if operation is None or str(options.method).lower() != "post":  # type: ignore[union-attr]
            return None
        headers = options.headers if isinstance(options.headers, Mapping) else {}  # type: ignore[union-attr]
        raw = next((value for name, value in headers.items() if name.lower() == RAW_HEADER), None)
        sent = options.json_data if isinstance(options.json_data, Mapping) else {}  # type: ignore[union-attr]
        if raw is not None and (raw != "true" or kwargs.get("stream")):
            return None
        call = Call(how, operation, sent, present())
        asks = how.include_usage and how.shape.asks_for_usage == options.url  # type: ignore[union-attr]
        if kwargs.get("stream") and asks and not (sent.get("stream_options") or {}).get("include_usage"):
            wanted = {**(sent.get("stream_options") or {}), "include_usage": True}
            options.json_data = {**sent, "stream_options": wanted}  # type: ignore[union-attr]
            call.hides_usage = True
        return call
    except Exception as error:
        logger.error("A call is not metered: %r", error)
        return None


def _request(inner: Callable[..., Any], how: Meter) -> Callable[..., Any]:
    def request(*args: Any, **kwargs: Any) -> Any:
        call = _begun(how, args, kwargs)
        token = _call.set(call)
        try:
            result = inner(*args, **kwargs)
        except BaseException as error:
            _failed(call, error)
            raise
        finally:
            _call.reset(token)
        return _answered(call, result)

    return request


def _async_request(inner: Callable[..., Any], how: Meter) -> Callable[..., Any]:
    async def request(*args: Any, **kwargs: Any) -> Any:
        call = _begun(how, args, kwargs)
        token = _call.set(call)
        try:
            result = await inner(*args, **kwargs)
        except BaseException as error:
            _failed(call, error)
            raise
        finally:
            _call.reset(token)
        return _answered(call, result)

    return request


def _answered(call: Call | None, result: Any) -> Any:
    """The result itself; a stream goes on through the meter."""
    if call is None:
        return result

    def note() -> None:
        if hasattr(result, "_iterator"):
            is_async = hasattr(result._iterator, "__anext__")
            result._iterator = (_aiterate if is_async else _iterate)(result._iterator, call)
        else:
            # `with_raw_response` wraps the answer; what it parses, it keeps for who asked.
            is_raw = hasattr(result, "http_response") and hasattr(result, "parse")
            call.done(result.parse() if is_raw else result)

    _quietly(call, note)
    return result


def _failed(call: Call | None, error: BaseException) -> None:
    if call is not None:
        _quietly(call, functools.partial(call.failed, error))


def _quietly(call: Call | None, act: Callable[[], None]) -> None:
    """Metering never changes what the caller gets."""
    if call is not None:
        try:
            act()
        except Exception as error:
            logger.error("A call could not be metered: %r", error)


class _Reading:
    """What both kinds of streams do with a chunk, and at the end."""

    def __init__(self, call: Call) -> None:
        self.call, self.state = call, call.meter.shape.stream()
        self.ending: tuple[str, str | None] = ("interrupted", None)

    def shows(self, chunk: object) -> bool:
        """Learn from a chunk. False for the one that only exists because the meter asked for usage."""
        with contextlib.suppress(Exception):
            if self.state.feed(chunk) and self.call.first_token is None:
                self.call.first_token = time.monotonic()
            if self.state.is_complete:
                self.ending = ("ok", None)
            if self.call.hides_usage and part(chunk, "usage") is not None and not part(chunk, "choices"):
                return part(chunk, "choices") is None
        return True

    def end(self) -> None:
        _quietly(self.call, lambda: self.call.streamed(self.state, *self.ending))


def _iterate(inner: Iterator[Any], call: Call) -> Iterator[Any]:
    reading = _Reading(call)
    try:
        for chunk in inner:
            if reading.shows(chunk):
                yield chunk
        reading.ending = ("ok", None)
    except GeneratorExit:
        raise
    except BaseException as error:
        reading.ending = status_of(error)
        raise
    finally:
        if (close := getattr(inner, "close", None)) is not None:
            close()
        reading.end()


async def _aiterate(inner: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
    reading = _Reading(call)
    try:
        async for chunk in inner:
            if reading.shows(chunk):
                yield chunk
        reading.ending = ("ok", None)
    except GeneratorExit:
        raise
    except BaseException as error:
        reading.ending = status_of(error)
        raise
    finally:
        reading.end()
        if (close := getattr(inner, "aclose", None)) is not None:
            await close()


def _meter_tries(http: Any) -> None:
    """Let every try of a metered call be noted; the HTTP client may belong to several SDK clients."""
    if getattr(http, "_bursar", False):
        return
    http._bursar = True
    inner = http.send

    if inspect.iscoroutinefunction(inner):

        async def send_async(*args: Any, **kwargs: Any) -> Any:
            with _trying() as noted:
                return noted(await inner(*args, **kwargs))

        http.send = send_async
    else:

        def send(*args: Any, **kwargs: Any) -> Any:
            with _trying() as noted:
                return noted(inner(*args, **kwargs))

        http.send = send


@contextlib.contextmanager
def _trying() -> Iterator[Callable[[Any], Any]]:
    """Notes one try of the present call, whatever becomes of it; what it yields takes the response and returns it."""
    call, at, begin = _call.get(), datetime.now(timezone.utc), time.monotonic()

    def note(error_type: str | None) -> None:
        if call is not None:
            call.tries.append(Try(at, time.monotonic() - begin, error_type))

    def noted(response: Any) -> Any:
        note(str(response.status_code) if response.status_code >= 400 else None)
        return response

    try:
        yield noted
    except BaseException as error:
        note(status_of(error)[1] or "cancelled")
        raise
