"""Merges an agent into another of its project: one name and one history from then on.

Usage points to rows of agents, and readers go by their names. So the row of the merged agent takes the name of the
other, and keeps the records, sums and conversations that point to it: a merge takes the same short time however much
there is, nothing is moved, and at no moment does a sum lack anything. Its own name becomes one the other had before.
"""

from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.extension_points import agent_merged
from apps.access.models import Agent, AgentMerge, ApiKey, FormerAgentName
from apps.access.selectors.places import agents_of
from apps.access.services import audit


def pair_of(caller: Caller, agent_id: int, into_id: int, *, lock: bool = False) -> tuple[Agent, Agent]:
    """The agent that is to be merged and the one it goes into, both within the caller's sight.

    Raises Agent.DoesNotExist for one that is not, or that was merged already; Refused for two that cannot be one.
    """
    if agent_id == into_id:
        raise Refused("An agent cannot be merged into itself.", code="same_agent", path="into")
    seen = agents_of(caller).order_by("id").filter(id__in=(agent_id, into_id))
    found = {agent.pk: agent for agent in (seen.select_for_update(of=("self",)) if lock else seen)}
    if agent_id not in found:
        raise Agent.DoesNotExist
    if into_id not in found:
        raise Refused("There is no such agent that usage is written to.", code="unknown_agent", path="into")
    agent, into = found[agent_id], found[into_id]
    if agent.project_id != into.project_id:
        message = f"{into.name} belongs to the project {into.project.name}: agents are merged within their project."
        raise Refused(message, code="other_project", path="into")
    return agent, into


def merged_before(caller: Caller, agent_id: int, into_id: int) -> AgentMerge | None:
    """The merge of these two that stands already, within the caller's sight."""
    return AgentMerge.objects.filter(agent=agent_id, into=into_id, into__in=agents_of(caller).order_by()).first()


@transaction.atomic
def merge_agent(*, caller: Caller, agent_id: int, into_id: int) -> AgentMerge:
    """Merge an agent into another; the same again changes nothing.

    Raises as `pair_of`, and Conflict for a key that is bound to it.
    """
    if (standing := merged_before(caller, agent_id, into_id)) is not None:
        return standing
    agent, into = pair_of(caller, agent_id, into_id, lock=True)
    if caller.agent_id == agent_id:
        message = "This key is bound to the agent that would be merged: ask with one that is not."
        raise Conflict(message, code="own_agent", path="into")
    name, project_id = agent.name, agent.project_id
    take_name(agent, into)
    keys = sorted(agent.keys.values_list("id", flat=True))
    agent.keys.update(agent=into)
    merge = AgentMerge.objects.create(agent=agent, into=into, name=name, merged_by=caller.actor)
    agent_merged.send(sender=Agent, project_id=project_id, before=name, after=into.name)
    audit.record(
        caller=caller,
        action="agent.merged",
        obj=agent,
        before={"name": name},
        after={"into": into.pk, "name": into.name, "keys": keys},
        project_id=project_id,
    )
    return merge


def take_name(agent: Agent, into: Agent) -> None:
    """Let an agent, and what was merged into it, read as another one from now on, which answers to its names."""
    agent.former_names.update(agent=into)
    FormerAgentName.objects.create(name=agent.name, project_id=agent.project_id, agent=into)
    AgentMerge.objects.filter(into=agent).update(into=into)
    agent.merged.update(name=into.name, merged_into=into)
    agent.name, agent.merged_into = into.name, into
    agent.save(update_fields=["name", "merged_into"])


def bind_keys_again() -> int:
    """Bind keys that were made for an agent while it was merged to the one it went into; how many that were."""
    stray = list(ApiKey.objects.exclude(agent__merged_into=None).select_related("agent"))
    for key in stray:
        if key.agent is not None:
            ApiKey.objects.filter(id=key.pk).update(agent=key.agent.merged_into_id)
    return len(stray)
