"""What an attempt after the first was: a retry with the same model, or a failover to another one."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple


class Attempt(NamedTuple):
    """One attempt at a request: the call's id, the request it belongs to, its number, and its model."""

    id: str
    request_id: str
    number: int
    provider: str
    model: str


class Repeat(NamedTuple):
    """How an attempt repeats an earlier one: `kind` "retry", "failover", or "" where the earlier one is not known.

    `instead_of` is the attempt before it.
    """

    kind: str
    instead_of: Attempt | None


def repeats(attempts: Iterable[Attempt]) -> dict[str, Repeat]:
    """Every attempt after the first by its call's id, compared with the nearest lower number of the same request."""
    by_request: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_request[attempt.request_id].append(attempt)
    found: dict[str, Repeat] = {}
    for group in by_request.values():
        group.sort(key=lambda one: (one.number, one.id))
        for one in group:
            if one.number > 1:
                before = [other for other in group if other.number < one.number]
                found[one.id] = _repeat(one, before[-1]) if before else Repeat("", None)
    return found


def _repeat(one: Attempt, before: Attempt) -> Repeat:
    is_same = (one.provider, one.model) == (before.provider, before.model)
    return Repeat("retry" if is_same else "failover", before)
