"""Merging agents and projects in tests: by their names, with what follows the commit."""

from collections.abc import Callable
from typing import Any

from apps.access.models import Agent, AgentMerge, Project, ProjectMerge
from apps.access.services import places
from apps.access.services.merges import merge_agent
from apps.access.services.project_merges import Sight, merge_project
from controlplane.merging.preview import preview
from controlplane.merging.project_preview import project_preview
from tests.budgets.acts import OWNER

Merge = Callable[..., AgentMerge]
MergeProjects = Callable[..., ProjectMerge]


def seen(agent_id: int) -> dict[str, object]:
    """What merging an agent into another of its project, which is made, is asked with after a look at what it does."""
    into = Agent.objects.get(id=agent_id).project.agents.create(name="twin").pk
    fingerprint = preview(caller=OWNER, agent_id=agent_id, into_id=into).fingerprint
    return {"into": into, "fingerprint": fingerprint}


def seen_project(merged: Project) -> dict[str, object]:
    """What merging a project into another, which is made, is asked with after a look at what it does."""
    into = Project.objects.create(name="twin").pk
    fingerprint = project_preview(caller=OWNER, project_id=merged.pk, into_id=into).fingerprint
    return {"into": into, "fingerprint": fingerprint, "sight": "give"}


def agent(name: str, project: str = "default") -> Agent:
    """The agent that is called so now."""
    return Agent.objects.standing().get(name=name, project__name=project)


def project(name: str) -> Project:
    """The project that is called so now."""
    return Project.objects.standing().get(name=name)


def merger(commits: Callable[..., Any]) -> Merge:
    """What merges an agent into another, and does what is to be done once that is committed."""

    def merged(name: str, into: str, project: str = "default") -> AgentMerge:
        with commits(execute=True):
            return merge_agent(caller=OWNER, agent_id=agent(name, project).pk, into_id=agent(into, project).pk)

    return merged


def project_merger(commits: Callable[..., Any]) -> MergeProjects:
    """The same for projects; every process knows of it, as within a second."""

    def merged(name: str, into: str, sight: Sight | None = None) -> ProjectMerge:
        ids = {"project_id": project(name).pk, "into_id": project(into).pk}
        with commits(execute=True):
            merge = merge_project(caller=OWNER, sight=sight, **ids)
        places.look_again()
        return merge

    return merged
