"""What a stretch of the agent's work is about: fields that every record made inside it carries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .fields import Usage

_present: ContextVar[Mapping[str, Any]] = ContextVar("bursar_about", default={})  # noqa: B039


@contextlib.contextmanager
def about(**fields: Unpack[Usage]) -> Iterator[None]:
    """`with about(conversation_id="42", task_type="code"):` — also around wrappers, callbacks and awaited calls."""
    token = _present.set({**_present.get(), **fields})
    try:
        yield
    finally:
        _present.reset(token)


def present() -> Mapping[str, Any]:
    """The fields in force here; inner ones win."""
    return _present.get()
