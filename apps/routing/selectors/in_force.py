"""The policy in force in the memory of this process.

What is remembered is looked at again once a second with one short query, so a publication in another process holds
here within a second; one in this process holds at once.
"""

import time
from dataclasses import dataclass
from threading import Lock

from apps.routing.domain.policy import Policy, policy_of
from apps.routing.models import PolicyVersion, RoutingState

TRUSTED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class InForce:
    """The published policy and its version; `generation` rises with whatever changes what agents are told."""

    version: int
    generation: int
    policy: Policy


class _Memory:
    def __init__(self) -> None:
        self.known: InForce | None = None
        self.generation = -1
        self.looked_at: float | None = None

    def is_fresh(self) -> bool:
        return self.looked_at is not None and time.monotonic() - self.looked_at < TRUSTED_SECONDS


_memory = _Memory()
_looking = Lock()


def in_force() -> InForce | None:
    """The policy in force, at most a second old; None before one was published."""
    if not _memory.is_fresh():
        with _looking:
            if not _memory.is_fresh():
                _look()
    return _memory.known


def look_again() -> None:
    """Ask the database at the next use."""
    _memory.looked_at = None


def forget() -> None:
    """Empty the memory: for tests, whose databases change under the process."""
    _memory.__init__()  # type: ignore[misc]


def _look() -> None:
    state = RoutingState.objects.first()
    if state is None or state.version is None:
        _memory.known, _memory.generation = None, -1
    elif state.generation != _memory.generation or _memory.known is None:
        document = PolicyVersion.objects.values_list("document", flat=True).get(version=state.version)
        _memory.known = InForce(state.version, state.generation, policy_of(document))
        _memory.generation = state.generation
    _memory.looked_at = time.monotonic()
