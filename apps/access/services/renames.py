"""Renames projects and agents. The old name keeps leading to the same one, so agents that send it go on."""

from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.extension_points import agent_renamed
from apps.access.models import Agent, FormerAgentName, FormerProjectName, Project
from apps.access.models.places import NAME_LENGTH
from apps.access.selectors.places import agents_of, projects_of
from apps.access.services import audit


@transaction.atomic
def rename_project(*, caller: Caller, project_id: int, name: str) -> Project:
    """Raises DoesNotExist for a project the caller cannot see, Refused for no name, Conflict for one in use."""
    project = projects_of(caller).select_for_update().get(id=project_id)
    name, old = _clean(name), project.name
    if name == old:
        return project
    others = Project.objects.standing().exclude(id=project.pk).filter(name=name)
    _refuse_sent(project, name)
    if others.exists() or FormerProjectName.objects.filter(name=name).exclude(project=project).exists():
        raise Conflict(f"Another project is or was called {name!r}.", code="name_in_use", path="name")
    FormerProjectName.objects.filter(name=name).delete()
    FormerProjectName.objects.create(name=old, project=project)
    project.name = name
    project.save(update_fields=["name"])
    project.merged.update(name=name)
    audit.record(
        caller=caller,
        action="project.renamed",
        obj=project,
        before={"name": old},
        after={"name": name},
        project_id=project.pk,
    )
    return project


@transaction.atomic
def rename_agent(*, caller: Caller, agent_id: int, name: str) -> Agent:
    """As `rename_project`, within the agent's project."""
    agent = agents_of(caller).select_for_update(of=("self",)).get(id=agent_id)
    name, old, project = _clean(name), agent.name, agent.project
    if name == old:
        return agent
    others = project.agents.standing().exclude(id=agent.pk).filter(name=name)
    if others.exists() or project.former_agent_names.filter(name=name).exclude(agent=agent).exists():
        raise Conflict(f"Another agent of the project is or was called {name!r}.", code="name_in_use", path="name")
    project.former_agent_names.filter(name=name).delete()
    FormerAgentName.objects.create(name=old, project=project, agent=agent)
    agent.name = name
    agent.save(update_fields=["name"])
    agent.merged.update(name=name)
    agent_renamed.send(sender=Agent, project_id=project.pk, before=old, after=name)
    audit.record(
        caller=caller,
        action="agent.renamed",
        obj=agent,
        before={"name": old},
        after={"name": name},
        project_id=project.pk,
    )
    return agent


def _refuse_sent(project: Project, name: str) -> None:
    """A name under which a merged project is still written to tells its ids apart from those of the other one."""
    if FormerProjectName.objects.filter(name=name, project__in=project.merged.all()).exists():
        message = f"{name} is merged into this project: what is sent under that name is kept apart by it."
        raise Conflict(message, code="merged_name", path="name")


def _clean(name: str) -> str:
    name = name.strip()
    if not name or len(name) > NAME_LENGTH:
        raise Refused(f"A name has 1 to {NAME_LENGTH} characters.", code="invalid", path="name")
    return name
