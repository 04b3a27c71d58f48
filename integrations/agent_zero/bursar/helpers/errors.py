"""What an exception of a model call means. By name and status, so that no provider's package is needed."""

from __future__ import annotations

import asyncio

_INTERRUPTED = ("InterventionException",)
_OURS = ("HandledException", "RepairableException", *_INTERRUPTED)
# Another model may well answer: the key, the credit, the model or the provider is the trouble.
_OTHER_MODEL = {401, 402, 403, 404, 408, 425, 429}
_MOMENTARY = {408, 425, 429}
_MOMENTARY_NAMES = ("APIConnectionError", "APITimeoutError", "Timeout", "TimeoutError", "ServiceUnavailableError")


def status_of(error: BaseException) -> str:
    """`interrupted` by the user, `cancelled`, or `error`."""
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    return "interrupted" if type(error).__name__ in _INTERRUPTED else "error"


def error_type(error: BaseException) -> str:
    """A short word for Bursar: `429`, `timeout`, `context_length`, or the name of the exception."""
    name = type(error).__name__
    if "ContextWindow" in name:
        return "context_length"
    if "Timeout" in name:
        return "timeout"
    code = status_code(error)
    return str(code) if code else name[:128]


def status_code(error: BaseException) -> int | None:
    """The HTTP status an exception carries, if any."""
    code = getattr(error, "status_code", None)
    return code if isinstance(code, int) and 100 <= code <= 599 else None


def another_model_may_do(error: BaseException) -> bool:
    """Whether to go on with a fallback."""
    if not isinstance(error, Exception) or type(error).__name__ in _OURS:
        return False
    code = status_code(error)
    return code in _OTHER_MODEL or (code or 0) >= 500 or (code is None and is_momentary(error))


def is_momentary(error: BaseException) -> bool:
    """Whether the same model may answer in a moment."""
    if not isinstance(error, Exception) or type(error).__name__ in _OURS:
        return False
    code = status_code(error)
    if code is not None:
        return code in _MOMENTARY or code >= 500
    return type(error).__name__ in _MOMENTARY_NAMES
