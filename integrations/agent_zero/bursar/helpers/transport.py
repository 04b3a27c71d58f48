"""Requests of Agent Zero 2: each of its two ways to a provider asks for counts in its own words.

Which way a call goes is known last of all, when its request is made: the Responses API where it works, else chat
completions, which tell their counts in a stream only when they are asked to.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from .attempts import TAG

METERED = "_bursar_metered"
Change = Callable[[dict[str, Any], bool], None]


def meter_transport() -> None:
    """Change the requests of measured calls, once in a process. Nothing is done in version 1."""
    try:
        transport = importlib.import_module("helpers.litellm_transport").LiteLLMTransport
    except (ImportError, AttributeError):
        return
    for name, change in (("_chat_request", ask_for_counts), ("_responses_request", keep_tag_here)):
        own = getattr(transport, name, None)
        if own is not None and not hasattr(own, METERED):
            setattr(transport, name, _changed(own, change))


def ask_for_counts(request: dict[str, Any], stream: bool) -> None:
    """Chat completions."""
    if stream and TAG in (request.get("metadata") or {}):
        request.setdefault("stream_options", {"include_usage": True})


def keep_tag_here(request: dict[str, Any], stream: bool) -> None:
    """The Responses API has counts in its last event, and metadata of its own, which go to the provider."""
    metadata = dict(request.get("metadata") or {})
    if TAG not in metadata:
        return
    request["litellm_metadata"] = {**(request.get("litellm_metadata") or {}), TAG: metadata.pop(TAG)}
    if metadata:
        request["metadata"] = metadata
    else:
        del request["metadata"]


def _changed(own: Callable[..., dict[str, Any]], change: Change) -> Callable[..., dict[str, Any]]:
    @functools.wraps(own)
    def changed(self: Any, *, stream: bool) -> dict[str, Any]:
        request = own(self, stream=stream)
        change(request, stream)
        return request

    setattr(changed, METERED, True)
    return changed
