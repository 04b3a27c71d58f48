"""Merging agents in tests: by their names, with what follows the commit."""

from collections.abc import Callable
from typing import Any

from apps.access.models import Agent, AgentMerge
from apps.access.services.merges import merge_agent
from controlplane.merging.preview import preview
from tests.budgets.acts import OWNER

Merge = Callable[..., AgentMerge]


def seen(agent_id: int) -> dict[str, object]:
    """What merging an agent into another of its project, which is made, is asked with after a look at what it does."""
    into = Agent.objects.get(id=agent_id).project.agents.create(name="twin").pk
    fingerprint = preview(caller=OWNER, agent_id=agent_id, into_id=into).fingerprint
    return {"into": into, "fingerprint": fingerprint}


def agent(name: str, project: str = "default") -> Agent:
    """The agent that is called so now."""
    return Agent.objects.standing().get(name=name, project__name=project)


def merger(commits: Callable[..., Any]) -> Merge:
    """What merges an agent into another, and does what is to be done once that is committed."""

    def merged(name: str, into: str, project: str = "default") -> AgentMerge:
        with commits(execute=True):
            return merge_agent(caller=OWNER, agent_id=agent(name, project).pk, into_id=agent(into, project).pk)

    return merged
