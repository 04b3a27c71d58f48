"""Keeps the agent going whatever fails in here: an exception of an extension would end its call."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from .plane import logger


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Logs what a function raises, and returns None then."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception:
            logger.exception("Bursar's plugin failed; the agent goes on without it.")
            return None

    return guarded


def quiet_but_for_refusals(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The same for coroutines; the refusal of a budget is meant for the agent."""

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            await function(*args, **kwargs)
        except Exception as error:
            if type(error).__name__ == "HandledException":
                raise
            logger.exception("Bursar's plugin failed; the agent goes on without it.")

    return guarded
