"""Questions an agent waits for: never beyond their timeout, and not asked while the server is known to be away."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .transport import Unreachable

Value = TypeVar("Value")
FIRST_REST = 1.0
LONGEST_REST = 30.0


class LeftAlone(Unreachable):
    """The server was not even asked."""


class Breaker:
    """After a question without an answer the next ones are not asked for a while: 1 s, doubling up to 30 s."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0
        self._why = ""

    def check(self) -> None:
        """Raises Unreachable while the server is left alone."""
        if time.monotonic() < self._closed_until:
            raise LeftAlone(self._why)

    def note(self, error: Exception | None) -> None:
        """Learn from a question that was asked."""
        if error is None:
            self._failures, self._closed_until = 0, 0.0
            return
        self._failures += 1
        self._why = str(error) or type(error).__name__
        self._closed_until = time.monotonic() + min(LONGEST_REST, FIRST_REST * 2.0 ** min(self._failures - 1, 10))


def ask(work: Callable[[], Value], seconds: float, breaker: Breaker) -> Value:
    """The result of `work`, which runs in a thread of its own, so that not even a name server makes the agent wait.

    Raises Unreachable.
    """
    breaker.check()
    box: queue.SimpleQueue[tuple[Value | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put((work(), None))
        except Exception as error:
            box.put((None, error))

    threading.Thread(target=run, name="bursar-ask", daemon=True).start()
    try:
        value, error = box.get(timeout=seconds)
    except queue.Empty:
        value, error = None, Unreachable(f"no answer within {seconds} s")
    return _settled(value, error, breaker)


async def ask_async(work: Callable[[], Value], seconds: float, breaker: Breaker) -> Value:
    """The same without holding up the event loop. Raises Unreachable."""
    breaker.check()
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Value | None, Exception | None]] = loop.create_future()

    def settle(result: tuple[Value | None, Exception | None]) -> None:
        if not future.done():
            future.set_result(result)

    def run() -> None:
        try:
            result: tuple[Value | None, Exception | None] = (work(), None)
        except Exception as error:
            result = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="bursar-ask", daemon=True).start()
    try:
        value, error = await asyncio.wait_for(future, seconds)
    except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
        value, error = None, Unreachable(f"no answer within {seconds} s")
    return _settled(value, error, breaker)


def _settled(value: Value | None, error: Exception | None, breaker: Breaker) -> Value:
    breaker.note(error)
    if error is not None:
        raise error if isinstance(error, Unreachable) else Unreachable(repr(error)) from error
    return value  # type: ignore[return-value]
