"""Renaming projects and agents keeps the old names working."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Role
from apps.access.models import Agent, Project, User
from apps.access.services.places import ensure_agents, ensure_projects
from apps.access.services.renames import rename_agent, rename_project
from tests.cast import make_person


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


def test_a_project_and_an_agent_are_renamed_on_their_pages(
    bob: User, support: Project, sales: Project, signed_in: Callable[[User], Client]
) -> None:
    agent, browser = Agent.objects.create(project=support, name="bot"), signed_in(bob)
    assert browser.post(f"/projects/{support.pk}", {"name": "helpdesk"})["Location"] == "/projects"
    assert browser.post(f"/agents/{agent.pk}", {"name": "robot"}).status_code == 303
    page = browser.get("/projects").content.decode()
    assert "helpdesk is now called" not in page
    assert "support is now called helpdesk" in page
    assert "Called before: support" in page
    assert ">bot</td>" in page
    refused = browser.post(f"/projects/{support.pk}", {"name": "sales"})
    assert refused.status_code == 422
    assert b"Another project is or was called" in refused.content


def test_admins_of_one_project_see_and_rename_that_alone(
    support: Project, sales: Project, signed_in: Callable[[User], Client]
) -> None:
    browser = signed_in(make_person("dora@example.org", Role.ADMIN, support))
    page = browser.get("/projects").content
    assert b"support" in page
    assert b"sales" not in page
    assert browser.get(f"/projects/{sales.pk}").status_code == 404
