"""Where the present request came from: what the audit log and error answers name."""

from contextvars import ContextVar, Token
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The id of the request and the client's address, seen through trusted proxies only."""

    request_id: str
    address: str | None


NOWHERE = Origin(request_id="", address=None)
_origin: ContextVar[Origin] = ContextVar("bursar_origin", default=NOWHERE)


def origin() -> Origin:
    """The origin of the request being served; NOWHERE in commands and tasks."""
    return _origin.get()


def enter(origin: Origin) -> Token[Origin]:
    """Sets the origin for the request; hand the token to `leave`."""
    return _origin.set(origin)


def leave(token: Token[Origin]) -> None:
    """Ends what `enter` began."""
    _origin.reset(token)
