"""Hears from LiteLLM what providers count: for the agent's own calls, and for those that nobody meters."""

from __future__ import annotations

import functools
import importlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from . import plane, routing, transport, zero
from .attempts import TAG, waiting
from .errors import error_type, status_of
from .options import Options
from .origins import asking_agent, role_of, task_type
from .usage import usage_fields

NAME = "BursarUsageTap"
MOST_UNDER_WAY = 1000
_EMBEDDINGS = ("embedding", "aembedding")


def install(options: Callable[[], Options]) -> None:
    """Add the tap to LiteLLM's callbacks, once in a process, also when the plugin was loaded anew."""
    litellm = importlib.import_module("litellm")
    logger = importlib.import_module("litellm.integrations.custom_logger").CustomLogger
    others = [one for one in litellm.callbacks if type(one).__name__ != NAME]
    litellm.callbacks[:] = [*others, _tap_class(logger)(options)]
    models = importlib.import_module("models")
    meter_class(models.LiteLLMChatWrapper)
    hear_answers(models)
    transport.meter_transport()


def hear_answers(models: Any) -> None:
    """Read the counts of a whole answer off it, once in a process.

    Version 1 throws them away, and LiteLLM tells its callbacks from one event loop alone: not of calls on the loops
    that memory and other work behind the scenes run on.
    """
    own = getattr(models, "acompletion", None)
    if own is None or hasattr(own, transport.METERED):
        return

    @functools.wraps(own)
    async def answered(*args: Any, **kwargs: Any) -> Any:
        response = await own(*args, **kwargs)
        if not kwargs.get("stream"):
            try:
                # Imported late: the plugin may have been loaded anew since.
                importlib.import_module(f"{__package__}.tap").heard(kwargs, response)
            except Exception:
                plane.logger.exception("The counts of a model call could not be read.")
        return response

    setattr(answered, transport.METERED, True)
    models.acompletion = answered


def heard(kwargs: Mapping[str, Any], response: Any) -> bool:
    """A call of the agent's own ended well: give its counts to who waits for them. False for a stranger's call."""
    identity = tag_of(kwargs)
    if identity is None:
        return False
    if (attempt := waiting().get(identity)) is not None:
        attempt.usage(usage_fields(getattr(response, "usage", None)))
    return True


def tag_of(kwargs: Mapping[str, Any]) -> str | None:
    """The id of the attempt a call belongs to."""
    for holder in (kwargs.get("litellm_params") or {}, kwargs):
        for name in ("metadata", "litellm_metadata"):
            found = (holder.get(name) or {}).get(TAG) if isinstance(holder.get(name), Mapping) else None
            if found:
                return str(found)
    return None


def stranger(
    kwargs: Mapping[str, Any],
    response: Any,
    began: datetime,
    ended: datetime,
    *,
    agent: str,
    error: BaseException | None = None,
) -> dict[str, Any]:
    """The record of a call that passed no hook of the agent: browser, embeddings, compaction."""
    kind = str(kwargs.get("call_type") or "completion")
    provider = (kwargs.get("litellm_params") or {}).get("custom_llm_provider") or kwargs.get("custom_llm_provider")
    model = str(kwargs.get("model") or "unknown")
    counts = usage_fields(getattr(response, "usage", None))
    missing = {} if counts else {"input_tokens": 0, "output_tokens": 0, "usage_source": "estimate"}
    is_embedding = kind in _EMBEDDINGS
    origin = _origins().pop(str(kwargs.get("litellm_call_id")), {})
    return {
        "occurred_at": began.astimezone().isoformat(),
        "provider": str(provider or model.partition("/")[0]),
        "model": model.removeprefix(f"{provider}/"),
        "agent": agent,
        "operation": "embeddings" if is_embedding else "chat",
        "role": "embedding" if is_embedding else "chat",
        **origin,
        "latency_ms": max(0, round((ended - began).total_seconds() * 1000)),
        **({"status": "ok"} if error is None else {"status": status_of(error), "error_type": error_type(error)}),
        **counts,
        **missing,
    }


def note_origin(kwargs: Mapping[str, Any], options: Options) -> None:
    """A call begins, on the stack of who asks: remember for whom and what for, until it ends somewhere else."""
    if tag_of(kwargs) is not None:
        return
    role = "embedding" if str(kwargs.get("call_type")) in _EMBEDDINGS else "chat"
    kind = task_type(role)
    agent = asking_agent() or zero.current_agent()
    origin = {"role": role_of(role, kind), "task_type": kind if kind != "main_loop" else None}
    if agent is not None:
        known = routing.known_of(agent, options, role, kind)
        origin |= {name: known[name] for name in ("agent", "conversation_id", "task_id")}
    origins = _origins()
    origins[str(kwargs.get("litellm_call_id"))] = origin
    while len(origins) > MOST_UNDER_WAY:
        origins.popitem(last=False)


def meter_class(wrapper: Any) -> None:
    """Measure the calls of models that are made past the agent. Once in a process; a call that is measured passes."""
    for name in ("unified_call", "unified_turn"):
        own = getattr(wrapper, name, None)
        if own is not None and not hasattr(own, transport.METERED):
            setattr(wrapper, name, _metering(own, name))


def _metering(own: Any, name: str) -> Any:
    @functools.wraps(own)
    async def metering(self: Any, *args: Any, **kwargs: Any) -> Any:
        measured = None
        if TAG not in (kwargs.get("metadata") or {}):
            try:
                # Imported late: the plugin may have been loaded anew since.
                measured = importlib.import_module(f"{__package__}.routing").metered_stranger(self)
            except Exception:
                plane.logger.exception("A model call is not measured.")
        if measured is None:
            return await own(self, *args, **kwargs)
        return await getattr(measured, name)(*args, **kwargs)

    setattr(metering, transport.METERED, True)
    return metering


def _origins() -> OrderedDict[str, dict[str, Any]]:
    found: OrderedDict[str, dict[str, Any]] = plane.kept().setdefault("origins", OrderedDict())
    return found


def _tap_class(logger: Any) -> Any:
    def told(self: Any, kwargs: Any, response: Any, began: Any, ended: Any, error: BaseException | None) -> None:
        try:
            if tag_of(kwargs) is not None:
                if error is None:
                    heard(kwargs, response)
                return
            options = self.options()
            plane.report(options, stranger(kwargs, response, began, ended, agent=options.agent, error=error))
        except Exception:
            plane.logger.exception("A model call could not be reported.")

    def pre_call(self: Any, model: Any, messages: Any, kwargs: Any) -> None:
        try:
            note_origin(kwargs, self.options())
        except Exception:
            plane.logger.exception("It is not known what a model call is for.")

    def success(self: Any, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        # LiteLLM calls both kinds of a synchronous call's hooks in turn; only one of them tells.
        if not _is_async(kwargs):
            told(self, kwargs, response_obj, start_time, end_time, None)

    async def async_success(self: Any, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        if _is_async(kwargs):
            told(self, kwargs, response_obj, start_time, end_time, None)

    def failure(self: Any, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        if not _is_async(kwargs):
            told(self, kwargs, response_obj, start_time, end_time, _error(kwargs))

    async def async_failure(self: Any, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        if _is_async(kwargs):
            told(self, kwargs, response_obj, start_time, end_time, _error(kwargs))

    def __init__(self: Any, options: Callable[[], Options]) -> None:
        self.options = options

    hooks = {
        "__init__": __init__,
        "log_pre_api_call": pre_call,
        "log_success_event": success,
        "async_log_success_event": async_success,
        "log_failure_event": failure,
        "async_log_failure_event": async_failure,
    }
    return type(NAME, (logger,), hooks)


def _is_async(kwargs: Mapping[str, Any]) -> bool:
    params = kwargs.get("litellm_params") or {}
    return any(params.get(name) or kwargs.get(name) for name in ("acompletion", "aembedding", "aresponses"))


def _error(kwargs: Mapping[str, Any]) -> BaseException:
    found = kwargs.get("exception")
    return found if isinstance(found, BaseException) else RuntimeError("unknown")
