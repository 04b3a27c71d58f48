"""Whom a key stood for when it was last used, so that a question and the look-up of its key can be one statement.

What is remembered lets nobody in: an answer is given only after the database, asked in that same statement, said the
same of the key. A key that was revoked, or now stands for something else, is looked up from the start.
"""

from collections import OrderedDict
from dataclasses import dataclass

from apps.access.domain import keys
from apps.access.domain.identity import Caller
from apps.access.selectors.callers import KeyHolder
from apps.access.services import guessing, key_use, places

_MOST = 10_000
_SCHEME = "Bearer "
_callers: OrderedDict[bytes, Caller] = OrderedDict()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was right before, and whom it stood for then."""

    digest: bytes
    caller: Caller


def remember(digest: bytes, caller: Caller) -> None:
    """Note whom a key that the database just knew stands for."""
    _callers[digest] = caller
    while len(_callers) > _MOST:
        try:
            _callers.popitem(last=False)
        except KeyError:  # another thread emptied it
            return


def known_key(header: str) -> KnownKey | None:
    """The key of an Authorization header, if it was right before in this process."""
    if not header.startswith(_SCHEME):
        return None
    key = header[len(_SCHEME) :]
    if len(key) != keys.KEY_LENGTH or not key.isascii():
        return None
    digest = keys.digest(key)
    caller = _callers.get(digest)
    return None if caller is None else KnownKey(digest, caller)


def confirmed(known: KnownKey, holder: KeyHolder | None, *, places_version: int | None = None) -> bool:
    """Whether the database says of the key now what was remembered; and of places, if their version is given."""
    if holder is None or (holder.caller is not known.caller and holder.caller != known.caller):
        _callers.pop(known.digest, None)
        return False
    places.see_version(holder.places_version)
    guessing.note_success(known.digest)
    if holder.use_is_stale and holder.caller.key_id is not None:
        key_use.note(holder.caller.key_id)
    return places_version in (None, holder.places_version)


def forget() -> None:
    """Empty the memory: for tests."""
    _callers.clear()
