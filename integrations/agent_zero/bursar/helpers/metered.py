"""Stands where the agent's model stood: measures every attempt, drains the stream, goes on to another model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from .attempts import TAG, Attempt, Call, release, waiting
from .errors import another_model_may_do, is_momentary
from .usage import usage_fields

Made = tuple[tuple[str, str], Callable[[], Any]]
"""A model's provider and name, and what makes its wrapper."""
NewId = Callable[[], str]
_OF_ANOTHER_MODEL = ("previous_response_id", "responses_input_items", "responses_state")
_CALLBACKS = ("response_callback", "reasoning_callback", "tokens_callback")


class MeteredModel:
    """A model whose calls are measured. All else it is asked for is the model's own.

    `fallbacks` are gone through in order when a model fails before its first token. `failed` hears of each failure.
    """

    def __init__(
        self,
        inner: Any,
        model: tuple[str, str],
        call: Call,
        *,
        new_id: NewId,
        fallbacks: Sequence[Made] = (),
        went_on: Callable[[tuple[str, str], tuple[str, str], BaseException], None] = lambda *_: None,
    ) -> None:
        self._inner, self._model, self._call = inner, model, call
        self._new_id, self._fallbacks, self._went_on = new_id, fallbacks, went_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def unified_call(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's own; returns response and reasoning."""
        return await self._run("unified_call", args, kwargs)

    async def unified_turn(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's own, from Agent Zero 2 on; returns an LLMResult."""
        return await self._run("unified_turn", args, kwargs)

    async def _run(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request_id = self._new_id()
        models: list[Made] = [(self._model, lambda: self._inner), *self._fallbacks]
        number = place = tries = 0
        while True:
            number, tries = number + 1, tries + 1
            name, make = models[place]
            attempt = Attempt(_with(self._call, request_id), self._new_id(), name, number)
            is_last = place + 1 == len(models)
            try:
                return await self._once(attempt, make(), method, args, _prepared(kwargs, is_other=place > 0))
            except BaseException as error:
                may_go_on = attempt.first_token_at is None
                changes = may_go_on and not is_last and another_model_may_do(error)
                repeats = may_go_on and not changes and is_momentary(error) and tries < self._call.options.attempts
                attempt.end(error, is_final=not (changes or repeats))
                if changes:
                    place, tries = place + 1, 0
                    self._went_on(name, models[place][0], error)
                elif repeats:
                    await self._pause()
                else:
                    raise

    async def _pause(self) -> None:
        try:
            await asyncio.sleep(self._call.options.attempt_pause_seconds)
        except BaseException:
            # The next attempt, which was to settle what is held, is not made.
            release(self._call)
            raise

    async def _once(
        self, attempt: Attempt, model: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        waiting()[attempt.id] = attempt
        drain = Drain(attempt, self._call.options.drain_chunks)
        kwargs["metadata"] = {**(kwargs.get("metadata") or {}), TAG: attempt.id}
        # One try here is one try of the provider: retries inside would be neither seen nor stopped.
        kwargs |= {"a0_retry_attempts": 0, "max_retries": 0}
        if any(kwargs.get(name) for name in _CALLBACKS):
            # From version 2 on each way to a provider asks in its own words: transport.py.
            if not hasattr(model, "unified_turn"):
                kwargs.setdefault("stream_options", {"include_usage": True})
            for name in _CALLBACKS[:2]:
                if kwargs.get(name):
                    kwargs[name] = drain.around(kwargs[name], is_response=name == "response_callback")
        result = await drain.run(getattr(model, method)(*args, **kwargs), self._call.options.drain_seconds, method)
        attempt.usage(usage_fields(getattr(result, "usage", None)))
        attempt.answer = attempt.answer or _text(result)
        attempt.end()
        return result


class Drain:
    """Lets a stream end after the agent has what it wants: the provider's counts are its last event."""

    def __init__(self, attempt: Attempt, chunks: int) -> None:
        self._attempt, self._left = attempt, chunks
        self.stopped: str | None = None
        self._reasoning = ""
        self._stop = asyncio.Event()

    def around(
        self, callback: Callable[[str, str], Awaitable[str | None]], *, is_response: bool
    ) -> Callable[[str, str], Awaitable[str | None]]:
        """The agent's callback, which is left alone once it has asked to stop; some further pieces may pass."""

        async def heard(chunk: str, full: str) -> str | None:
            if self.stopped is not None:
                self._left -= 1
                return self.stopped if self._left < 0 and is_response else None
            if is_response:
                self._attempt.chunk(full)
            else:
                self._attempt.chunk("")
                self._reasoning = full
            answer = await callback(chunk, full)
            if answer is None or not is_response:
                return answer
            self.stopped = answer
            self._stop.set()
            return None if self._left > 0 else answer

        return heard

    async def run(self, call: Awaitable[Any], seconds: float, method: str) -> Any:
        """The call's result, as if it had stopped where the agent asked; at most `seconds` later than that."""
        task = asyncio.ensure_future(call)
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=seconds)
            if self.stopped is not None and not task.done():
                return _cut(method, self.stopped, self._reasoning)
            return _as_stopped(await task, self.stopped)
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()


def _with(call: Call, request_id: str) -> Call:
    return replace(call, known={**call.known, "request_id": request_id})


def _prepared(kwargs: dict[str, Any], *, is_other: bool) -> dict[str, Any]:
    """The arguments of one attempt: messages are changed by the call, and state belongs to the model that made it."""
    prepared = {name: value for name, value in kwargs.items() if not (is_other and name in _OF_ANOTHER_MODEL)}
    if prepared.get("messages"):
        prepared["messages"] = list(prepared["messages"])
    return prepared


def _text(result: Any) -> str:
    if isinstance(result, tuple) and result and isinstance(result[0], str):
        return result[0]
    response = getattr(result, "response", "")
    return response if isinstance(response, str) else ""


def _as_stopped(result: Any, stopped: str | None) -> Any:
    """The result with the answer the agent accepted, without what came after it."""
    if stopped is None:
        return result
    if isinstance(result, tuple):
        return (stopped, *result[1:])
    result.response = stopped
    return result


def _cut(method: str, stopped: str, reasoning: str) -> Any:
    """A result for a stream that did not end in time."""
    if method == "unified_call":
        return stopped, reasoning
    import importlib

    return importlib.import_module("helpers.llm_result").LLMResult(response=stopped, reasoning=reasoning)
