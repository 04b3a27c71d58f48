"""Pages that show a secret answer the POST itself, since it is kept nowhere; this keeps a reload from repeating it."""

import secrets

from django.contrib.sessions.backends.base import SessionBase

_REMEMBERED = "made_forms"
_MOST = 20


def new_mark() -> str:
    """A mark for the hidden field `made` of a form."""
    return secrets.token_hex(8)


def was_made(session: SessionBase, mark: str) -> bool:
    """True if this session made something with the form of this mark before."""
    return mark in session.get(_REMEMBERED, [])


def remember(session: SessionBase, mark: str) -> None:
    """Notes that the form of this mark has made what it was for."""
    session[_REMEMBERED] = [*session.get(_REMEMBERED, []), mark][-_MOST:]
