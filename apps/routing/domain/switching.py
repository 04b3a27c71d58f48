"""Switches of model inside conversations: how the calls before and after did, and which cache was lost.

Calls of one conversation and role that follow one another at one model are a stretch. Where the model changes, the
stretch before and the stretch after are counted with the switch; a stretch between two switches is after the one and
before the other.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple


@dataclass(slots=True)
class Stretch:
    """Sums of calls; cost in femto-dollars of those that have one."""

    calls: int = 0
    priced_calls: int = 0
    cost: int = 0
    errors: int = 0
    latency_calls: int = 0
    latency_ms: int = 0

    def add(self, other: "Stretch") -> None:
        """Count another one with it."""
        self.calls += other.calls
        self.priced_calls += other.priced_calls
        self.cost += other.cost
        self.errors += other.errors
        self.latency_calls += other.latency_calls
        self.latency_ms += other.latency_ms


@dataclass(slots=True)
class Switched:
    """All switches of one kind: the calls around them, and the cache that was lost, at list price."""

    switches: int = 0
    before: Stretch = field(default_factory=Stretch)
    after: Stretch = field(default_factory=Stretch)
    lost_tokens: int = 0
    lost: int = 0


class SwitchKey(NamedTuple):
    """The project, the role, and the models left and taken."""

    project_id: int
    role_id: int
    from_model_id: int
    to_model_id: int


@dataclass(slots=True)
class _Line:
    """Where a conversation stands."""

    model_id: int
    at: datetime
    input_tokens: int
    stretch: Stretch
    after: Switched | None = None


class Watch:
    """Follows conversations call by call, in the order of time."""

    def __init__(self, *, warm: timedelta, least_tokens: int) -> None:
        self.found: dict[SwitchKey, Switched] = {}
        self._lines: dict[Hashable, _Line] = {}
        self._warm, self._least_tokens = warm, least_tokens

    def follow(
        self, conversation: Hashable, project_id: int, role_id: int, model_id: int, *, at: datetime,
        input_tokens: int, call: Stretch, counts: bool,
    ) -> tuple[Switched | None, int]:  # fmt: skip
        """Take the next call. Where it switches: the switch, and the tokens the model left had in its cache.

        A call that does not count (it lies before the time that is asked about) only tells where a conversation stands.
        """
        line = self._lines.get((conversation, role_id))
        if line is None:
            self._lines[conversation, role_id] = _Line(model_id, at, input_tokens, _copied(call))
            return None, 0
        switch, warm = None, 0
        if line.model_id == model_id:
            line.stretch.add(call)
        else:
            if at - line.at <= self._warm and line.input_tokens >= self._least_tokens:
                warm = min(line.input_tokens, input_tokens)
            if counts:
                switch = self.found.setdefault(SwitchKey(project_id, role_id, line.model_id, model_id), Switched())
                switch.switches += 1
                switch.before.add(line.stretch)
            line.model_id, line.stretch, line.after = model_id, _copied(call), switch
        if line.after is not None:
            line.after.after.add(call)
        line.at, line.input_tokens = at, input_tokens
        return switch, warm


def _copied(call: Stretch) -> Stretch:
    copy = Stretch()
    copy.add(call)
    return copy
