"""What a budget covers: the conjunction of the fields it names, and the field each of whose values has a counter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.access.domain.errors import Refused
from apps.costs.domain.providers import canonical_provider

MAX_NAME = 128
MAX_FIELDS = 8
TAG = "tag:"
FIELDS = (
    "project", "agent", "key", "user", "role", "task_type", "tool", "model", "provider", "tier", "conversation",
)  # fmt: skip
EACH = ("conversation", "user", "agent", "project")
OF_CELL = frozenset({"project", "agent", "role", "task_type", "model", "provider", "tier"})
"""Fields that all records of one cell of the cube share."""
OF_RECORD = frozenset({"user", "tool", "conversation"})
"""Fields in which they differ, beside the key and the tags."""


class Facts(msgspec.Struct, frozen=True):
    """What is known of a call, or of one that is to come. None is unknown, and matches no budget that asks for it.

    `provider` is canonical. A record without a user, tool, … has none: that is the same as unknown here. Of a project
    that was merged, `project_id` is where it is written, until a matcher puts the other one there; `sent_to` then is
    what it was.
    """

    project_id: int | None = None
    sent_to: int | None = None
    project: str | None = None
    agent_id: int | None = None
    agent: str | None = None
    key_id: int | None = None
    user: str | None = None
    role: str | None = None
    task_type: str | None = None
    tool: str | None = None
    model: str | None = None
    provider: str | None = None
    tier: str | None = None
    conversation: str | None = None
    is_demo: bool = False
    tags: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope with its names resolved: a project that was renamed is still the same project.

    `agents` are the ids, and `names` the names, of agents that are or once were called `agent`; its subordinates are
    `agent/…`.
    """

    project_id: int | None = None
    agent: str | None = None
    agents: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    keys: frozenset[int] | None = None
    plain: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_of_cells(self) -> bool:
        """True if no plain field asks for more than the cell of a record."""
        return all(name in OF_CELL for name, _ in self.plain)

    def covers(self, facts: Facts) -> bool:
        """True if every field that is named has its value."""
        return self.covers_cell(facts) and self.covers_rest(facts)

    def covers_cell(self, facts: Facts) -> bool:
        """The part of it that all records of one cell share. Demo projects count only where they are named."""
        if facts.is_demo if self.project_id is None else facts.project_id != self.project_id:
            return False
        if self.agent is not None and not self._covers_agent(facts):
            return False
        return not self.plain or all(getattr(facts, name) == value for name, value in self.plain if name in OF_CELL)

    def covers_rest(self, facts: Facts) -> bool:
        """The part in which the records of one cell differ: user, key, tool, conversation, tags."""
        if self.keys is not None and facts.key_id not in self.keys:
            return False
        if self.tags and any(facts.tags.get(name) != value for name, value in self.tags):
            return False
        return not self.plain or all(getattr(facts, name) == value for name, value in self.plain if name not in OF_CELL)

    def _covers_agent(self, facts: Facts) -> bool:
        if facts.agent is None:
            return False
        if facts.agent == self.agent or facts.agent.startswith(f"{self.agent}/"):
            return True
        return facts.agent_id in self.agents if facts.agent_id is not None else facts.agent in self.names


def each_value(each: str, facts: Facts) -> str | None:
    """Which of a budget's counters a call belongs to: "" for one without `each`, None when the value is unknown.

    Conversations count per project, and so do agents: the same name elsewhere is another one. The id of a conversation
    is unique in what is sent under one name of a project only, so that is where it counts.
    """
    if not each:
        return ""
    if each == "project":
        return None if facts.project_id is None else str(facts.project_id)
    value: str | None = getattr(facts, each)
    if not value:
        return None
    if each == "user":
        return value
    project_id = conversations_of(facts) if each == "conversation" else facts.project_id
    return None if project_id is None else f"{project_id}:{value}"


def conversations_of(facts: Facts) -> int | None:
    """The project in which the id of a conversation is unique."""
    return facts.project_id if facts.sent_to is None else facts.sent_to


def each_label(each: str, value: str, facts: Facts) -> str:
    """The same for people."""
    if each == "agent":
        return value.partition(":")[2]
    return (facts.project or "") if each == "project" else (getattr(facts, each) or "") if each else value


def checked_scope(sent: Mapping[str, Any], *, path: str = "scope") -> dict[str, str]:
    """A scope as it is kept. Raises Refused for fields and values that cannot be."""
    if len(sent) > MAX_FIELDS:
        raise Refused(f"A scope names at most {MAX_FIELDS} fields.", code="too_many_fields", path=path)
    kept: dict[str, str] = {}
    for name, value in sent.items():
        if name not in FIELDS and not (name.startswith(TAG) and name != TAG and len(name) <= MAX_NAME + len(TAG)):
            known = ", ".join((*FIELDS, "tag:…"))
            raise Refused(f"A scope cannot name {name[:40]!r}; known are {known}.", code="unknown", path=path)
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME or "\0" in value:
            raise Refused(f"{name[:40]} needs a text of 1 to {MAX_NAME} characters.", code="invalid", path=path)
        kept[name] = canonical_provider(value.strip()) if name == "provider" else value.strip()
    return dict(sorted(kept.items()))


def scope_words(scope: Mapping[str, str]) -> str:
    """A scope as people read it: "agent support, tag team = x"; "everything" for an empty one."""
    words = [
        f"tag {name.removeprefix(TAG)} = {value}" if name.startswith(TAG) else f"{name.replace('_', ' ')} {value}"
        for name, value in scope.items()
    ]
    return ", ".join(words) or "everything"
