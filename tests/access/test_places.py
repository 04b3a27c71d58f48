"""Projects and agents exist from first sight, within a cap."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from apps.access.domain.errors import Refused, TooMany
from apps.access.models import Agent, Project
from apps.access.services import places
from apps.access.services.places import ensure_agents, ensure_projects


def test_it_works(db: None) -> None:
    ids = ensure_projects(["support", "sales"])
    assert ids == dict(Project.objects.values_list("name", "id"))
    agents = ensure_agents([(ids["sales"], "bot"), (ids["support"], "bot")])
    assert len(set(agents.values())) == 2
    assert agents == {(a.project_id, a.name): a.pk for a in Agent.objects.all()}


def test_known_names_cost_no_query(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ids = ensure_projects(["support"])
    with django_assert_num_queries(0):
        assert ensure_projects(["support"]) == ids


def test_the_cap_names_what_was_left_out_and_keeps_the_rest(db: None, settings: Settings) -> None:
    settings.MAX_PROJECTS = 2
    with pytest.raises(TooMany) as refusal:
        ensure_projects(["a", "b", "c"])
    assert refusal.value.found == dict(Project.objects.values_list("name", "id"))
    assert list(refusal.value.found) == ["a", "b"]
    assert refusal.value.refused == ["c"]
    assert "at most 2 projects (BURSAR_MAX_PROJECTS)" in refusal.value.message


def test_the_cap_of_agents(db: None, settings: Settings) -> None:
    settings.MAX_AGENTS = 1
    project = ensure_projects(["a"])["a"]
    with pytest.raises(TooMany) as refusal:
        ensure_agents([(project, "x"), (project, "y")])
    assert list(refusal.value.found) == [(project, "x")]


def test_a_former_name_leads_to_the_same_project(support: Project) -> None:
    support.former_names.create(name="helpdesk")
    assert ensure_projects(["helpdesk"]) == {"helpdesk": support.pk}
    assert Project.objects.count() == 1


def test_a_deleted_project_is_forgotten_once_the_version_is_seen(db: None) -> None:
    old = ensure_projects(["support"])["support"]
    Project.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM access_placesversion")
        places.see_version(cursor.fetchone()[0])
    assert ensure_projects(["support"])["support"] != old


def test_an_unknown_project_gets_no_agent(db: None) -> None:
    with pytest.raises(Refused, match="just been deleted"):
        ensure_agents([(12345, "x")])


@pytest.mark.django_db(transaction=True)
def test_racing_creators_agree() -> None:
    names = [f"p{number}" for number in range(20)]

    def create(_: int) -> dict[str, int]:
        try:
            return ensure_projects(names)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(create, range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert Project.objects.count() == 20
