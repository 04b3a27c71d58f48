"""Who is asking, and what they may do: roles for people, scopes for keys, one Caller for both."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from apps.access.domain.errors import NotAllowed


class Role(StrEnum):
    """What a person may do; each role includes the ones after it."""

    OWNER = "owner"
    ADMIN = "admin"
    ANALYST = "analyst"

    def includes(self, other: "Role") -> bool:
        """True if this role may do all that `other` may."""
        ranking = tuple(Role)
        return ranking.index(self) <= ranking.index(other)


class Scope(StrEnum):
    """What a key may do over the API."""

    USAGE_WRITE = "usage:write"
    ROUTING_USE = "routing:use"
    METRICS_READ = "metrics:read"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)
AGENT_SCOPES = frozenset({Scope.USAGE_WRITE, Scope.ROUTING_USE, Scope.METRICS_READ})
ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: ALL_SCOPES,
    Role.ADMIN: ALL_SCOPES,
    Role.ANALYST: frozenset({Scope.METRICS_READ}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The key or person behind a request.

    `actor` is the name the audit log keeps. `project_ids` None means every project. `project_*` and `agent_*` are
    the binding of a key; `…_former_names` are those they had, or agents that were merged into it had. `role` is the
    person's; for a key it is its maker's, since a key never exceeds its maker.
    """

    kind: Literal["key", "person"]
    actor: str
    key_id: int | None
    user_id: int | None
    scopes: frozenset[Scope]
    role: Role | None
    project_ids: frozenset[int] | None
    project_id: int | None = None
    project_name: str | None = None
    agent_id: int | None = None
    agent_name: str | None = None
    agent_former_names: tuple[str, ...] = ()
    project_former_names: tuple[str, ...] = ()

    def has_role(self, role: Role) -> bool:
        """True if this caller holds `role` or a higher one."""
        return self.role is not None and self.role.includes(role)

    def sees_project(self, project_id: int) -> bool:
        """True if this caller may read what belongs to the project."""
        return self.project_ids is None or project_id in self.project_ids

    @property
    def is_limited(self) -> bool:
        """True for a person who sees some projects only and for a key bound to one."""
        return self.project_ids is not None or self.project_id is not None

    def may_change_for_all(self) -> bool:
        """True if this caller may change what holds for every project."""
        return self.has_role(Role.ADMIN) and not self.is_limited

    def must_see_all(self, what: str) -> None:
        """Raises NotAllowed for a caller limited to projects, whose changes would reach beyond them."""
        if self.is_limited:
            message = f"{what} for every project: only who sees all of them may change it."
            raise NotAllowed(message, code="all_projects")

    def may_name_project(self, name: str) -> bool:
        """True if a record may name this project: that of a bound key, by its name or one it had before."""
        return self.project_name in (None, name) or name in self.project_former_names

    def may_report_as(self, agent_name: str) -> bool:
        """True if a record may name this agent: a bound key speaks for its agent and the subordinates `name/…`."""
        names = self.agent_names
        return not names or any(agent_name == name or agent_name.startswith(f"{name}/") for name in names)

    @property
    def agent_names(self) -> tuple[str, ...]:
        """Every name a bound key may go by: that of its agent and its former ones; nothing for a key without agent."""
        return () if self.agent_name is None else (self.agent_name, *self.agent_former_names)
