"""Renaming projects and agents keeps the old names working."""

import pytest

from apps.access.domain.errors import Conflict
from apps.access.models import Agent, Project, User
from apps.access.services.places import ensure_agents, ensure_projects
from apps.access.services.renames import rename_agent, rename_project


def test_a_renamed_project_still_answers_to_its_old_names(alice: User, support: Project) -> None:
    for name in ("helpdesk", "desk"):
        rename_project(caller=alice.caller(), project_id=support.pk, name=name)
    assert ensure_projects(["support", "helpdesk", "desk"]) == dict.fromkeys(
        ["support", "helpdesk", "desk"], support.pk
    )
    assert Project.objects.count() == 1


def test_a_name_can_be_taken_back(alice: User, support: Project) -> None:
    for name in ("helpdesk", "support"):
        rename_project(caller=alice.caller(), project_id=support.pk, name=name)
    assert list(support.former_names.values_list("name", flat=True)) == ["helpdesk"]


@pytest.mark.parametrize("name", ["sales", "sold"])
def test_a_name_of_another_project_is_refused(alice: User, support: Project, sales: Project, name: str) -> None:
    sales.former_names.create(name="sold")
    with pytest.raises(Conflict):
        rename_project(caller=alice.caller(), project_id=support.pk, name=name)


def test_a_renamed_agent(alice: User, support: Project) -> None:
    agent = Agent.objects.create(project=support, name="bot")
    rename_agent(caller=alice.caller(), agent_id=agent.pk, name="robot")
    pairs = [(support.pk, "bot"), (support.pk, "robot")]
    assert ensure_agents(pairs) == dict.fromkeys(pairs, agent.pk)


def test_limited_people_rename_only_theirs(carol: User, sales: Project) -> None:
    with pytest.raises(Project.DoesNotExist):
        rename_project(caller=carol.caller(), project_id=sales.pk, name="x")
