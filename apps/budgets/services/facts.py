"""What a request says of a call, as budgets match it; within what its sender may speak for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.access.domain.errors import NotAllowed
from apps.access.domain.identity import Caller
from apps.access.models import Project
from apps.access.selectors.places import project_id_of
from apps.access.services import places
from apps.budgets.domain.scopes import Facts
from apps.costs.domain.providers import canonical_provider


@dataclass(frozen=True, slots=True)
class Told:
    """The fields of a request, as sent; None is not sent. Project and agent default to the key's."""

    project: str | None = None
    agent: str | None = None
    user: str | None = None
    role: str | None = None
    task_type: str | None = None
    tool: str | None = None
    provider: str | None = None
    model: str | None = None
    tier: str | None = None
    conversation_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def facts_of(*, told: Told, caller: Caller, only_look: bool = False) -> Facts:
    """The facts of a call. The project comes into being at first sight, as with usage, unless one is to `only_look`.

    Raises NotAllowed outside of the key's project or agent, TooMany at the cap of projects.
    """
    project = told.project or caller.project_name or places.DEFAULT_PROJECT
    agent = told.agent or caller.agent_name or None
    if not caller.may_name_project(project):
        message = f'This key speaks for project "{caller.project_name}" only, not for "{project}".'
        raise NotAllowed(message, code="forbidden_project", path="project")
    if agent is not None and not caller.may_report_as(agent):
        message = f'This key speaks for agent "{caller.agent_name}" and its subordinates only, not for "{agent}".'
        raise NotAllowed(message, code="forbidden_agent", path="agent")
    project_id = project_id_of(project) if only_look else places.ensure_projects([project])[project]
    if project_id is not None and not caller.sees_project(project_id):
        raise NotAllowed("You do not see this project.", code="forbidden_project", path="project")
    return Facts(
        project_id=project_id,
        project=project,
        agent=agent,
        key_id=caller.key_id,
        user=told.user or None,
        role=told.role or None,
        task_type=told.task_type or None,
        tool=told.tool or None,
        provider=canonical_provider(told.provider) if told.provider else None,
        model=told.model or None,
        tier=told.tier or None,
        conversation=told.conversation_id or None,
        is_demo=project_id is not None and Project.objects.filter(id=project_id, is_demo=True).exists(),
        tags=told.tags,
    )
