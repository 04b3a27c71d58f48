"""Slows down whoever tries keys: so many wrong ones per address and minute, in this process.

A key that was right before passes although its neighbour guesses, so nobody can lock agents out.
"""

import time
from collections import OrderedDict

from django.conf import settings

_MOST_ADDRESSES = 10_000
_MOST_KEYS = 10_000
_WINDOW_SECONDS = 60.0
_failures: OrderedDict[str, list[float]] = OrderedDict()
_known: OrderedDict[bytes, None] = OrderedDict()


def note_failure(address: str | None) -> None:
    """Counts one wrong key."""
    moments = _recent(address or "")
    moments.append(time.monotonic())
    del moments[: -settings.GUESSES_PER_MINUTE]
    _failures[address or ""] = moments
    _trim(_failures, _MOST_ADDRESSES)


def note_success(digest: bytes) -> None:
    """Remembers a right key. Not an authority: it is looked up again each time."""
    _known[digest] = None
    _trim(_known, _MOST_KEYS)


def seconds_to_wait(address: str | None, digest: bytes) -> float:
    """0 if the key may be looked up now, else the seconds until the oldest guess is forgotten."""
    if not _failures or digest in _known:
        return 0.0
    moments = _recent(address or "")
    if len(moments) < settings.GUESSES_PER_MINUTE:
        return 0.0
    return max(0.0, moments[0] + _WINDOW_SECONDS - time.monotonic())


def forget() -> None:
    """Empties the counters: for tests."""
    _failures.clear()
    _known.clear()


def _recent(address: str) -> list[float]:
    horizon = time.monotonic() - _WINDOW_SECONDS
    return [moment for moment in _failures.get(address, ()) if moment > horizon]


def _trim(remembered: "OrderedDict[str, list[float]] | OrderedDict[bytes, None]", most: int) -> None:
    while len(remembered) > most:
        try:
            remembered.popitem(last=False)
        except KeyError:  # another thread emptied it
            return
