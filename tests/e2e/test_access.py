"""The pages of access in a browser: accessible in both themes and widths, the main acts, without a script too."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.access.domain.identity import AGENT_SCOPES, Role, Scope
from apps.access.models import Agent, ApiKey, Project, User
from apps.access.services.keys import NewKey, create_key
from apps.access.services.people import NewInvitation, Standing, invite
from tests.cast import PASSWORD, make_person
from tests.e2e.tab import Tab

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
OpenTab = Callable[..., Tab]
NEW = "nine violet tractors"
LOOKS = [
    {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    for scheme in ("light", "dark")
    for width in (1280, 320)
]


@pytest.fixture
def filled(owner: User) -> NewKey:
    """Keys, people, invitations and audit entries to show."""
    owner.set_password(PASSWORD)
    owner.save()
    project = Project.objects.create(name="support")
    project.former_names.create(name="helpdesk")
    for name in ("coder/with-a-rather-long-name-of-a-subordinate", "coder/with_a_rather_long_name_of_a_subordinate"):
        project.agents.create(name=name)
    twin = Project.objects.create(name="sup-port")
    twin.agents.create(name="coder/with-a-rather-long-name-of-a-subordinate")
    make_person("another.person.with.a.long.address@subdomain.example.org", Role.ANALYST, twin)
    bob = make_person("bob@example.org", Role.ADMIN)
    make_person("a.person.with.a.rather.long.address@subdomain.example.org", Role.ANALYST, project)
    create_key(caller=bob.caller(), name="orphan", scopes=[Scope.METRICS_READ])
    bob.delete()
    create_key(caller=owner.caller(), name="admin", scopes=list(Scope), project_id=project.pk)
    return create_key(caller=owner.caller(), name="worker", scopes=AGENT_SCOPES)


@pytest.fixture
def invited(owner: User) -> NewInvitation:
    return invite(caller=owner.caller(), email="dan@example.org", standing=Standing(Role.ANALYST))


def paths(key: ApiKey, person: User) -> Iterator[str]:
    yield from (
        "/keys",
        "/keys?show=all",
        "/keys/new",
        "/people",
        "/people/invite",
        "/projects",
        "/audit",
        "/health",
        "/password",
    )
    agent, other = Agent.objects.order_by("id").values_list("id", flat=True)[:2]
    project, twin = Project.objects.order_by("id").values_list("id", flat=True)[:2]
    yield from (
        f"/projects/{project}/merge",
        f"/projects/{twin}/merge?into={project}",
        f"/agents/{agent}/merge",
        f"/agents/{agent}/merge?into={other}",
        f"/keys/{key.pk}/rotate",
        f"/keys/{key.pk}/revoke",
        f"/projects/{project}",
        f"/people/{person.pk}",
        f"/people/{person.pk}/remove",
    )


@pytest.mark.parametrize("look", LOOKS, ids=["light", "light-320", "dark", "dark-320"])
def test_every_page_is_accessible_and_fits(
    open_tab: OpenTab, owner: User, filled: NewKey, invited: NewInvitation, look: dict[str, Any]
) -> None:
    tab = open_tab("/keys", owner, **look)
    for path in paths(filled.key, owner):
        tab.goto(path)
        tab.assert_fits()
        tab.assert_accessible()
    outside = open_tab("/login", **look)
    for path in ("/login", f"/invitation/{invited.token}"):
        outside.goto(path)
        outside.assert_fits()
        outside.assert_accessible()


@pytest.mark.parametrize("look", LOOKS[:2], ids=["1280", "320"])
def test_errors_are_accessible_and_get_the_focus(
    open_tab: OpenTab, owner: User, filled: NewKey, look: dict[str, Any]
) -> None:
    tab = open_tab("/keys/new", owner, **look)
    tab.expect("status of 422")
    tab.page.get_by_label("Name").fill("x")
    tab.page.get_by_label("Only as the agent").fill("bot")
    tab.page.get_by_role("button", name="Create key").click()
    tab.page.wait_for_selector(".errors")
    tab.wait_until("document.activeElement.className === 'errors'")
    assert "An agent needs its project." in tab.page.inner_text(".errors")
    tab.assert_fits()
    tab.assert_accessible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_login_to_a_key_and_its_end(open_tab: OpenTab, owner: User, filled: NewKey, scripts: bool) -> None:
    tab = open_tab("/keys", java_script_enabled=scripts)
    page = tab.page
    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Create key").click()
    page.get_by_label("Name").fill("fresh")
    page.get_by_role("button", name="Create key").click()
    secret = page.inner_text("#new-key")
    assert secret.startswith("bsr_")
    page.get_by_role("button", name="Copy").wait_for(state="visible" if scripts else "hidden")
    page.get_by_role("link", name="I have copied it").click()
    assert secret not in page.content()
    page.get_by_role("link", name="Revoke fresh").click()
    page.get_by_label("Type fresh to confirm").fill("fresh")
    page.get_by_role("button", name="Revoke key").click()
    assert "The key fresh is revoked." in page.inner_text("main")
    assert ApiKey.objects.get(name="fresh").revoked_at is not None


def test_an_invited_person_comes_in(open_tab: OpenTab, owner: User) -> None:
    page = open_tab("/people/invite", owner).page
    page.get_by_label("Email").fill("dan@example.org")
    page.get_by_role("button", name="Make link").click()
    link = page.inner_text("#new-link")
    tab = open_tab(link[link.index("/invitation/") :])
    tab.page.get_by_label("New password", exact=True).fill(NEW)
    tab.page.get_by_label("New password again").fill(NEW)
    tab.page.get_by_role("button", name="Save password").click()
    tab.page.get_by_label("Email").fill("dan@example.org")
    tab.page.get_by_label("Password").fill(NEW)
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.get_by_text("Account").click()
    assert "dan@example.org" in tab.page.inner_text("nav")


def test_the_audit_log_filters_and_clears(open_tab: OpenTab, owner: User, filled: NewKey) -> None:
    page = open_tab("/audit", owner).page
    page.get_by_label("What").select_option("key.created")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 3
    page.get_by_label("Who").fill("nobody")
    page.get_by_role("button", name="Filter").click()
    assert "No entries match" in page.inner_text("main")
    page.get_by_role("link", name="Clear filters").first.click()
    assert page.url.endswith("/audit")


def test_the_api_docs_open_under_the_policy(open_tab: OpenTab, owner: User) -> None:
    tab = open_tab("/api/docs", owner)
    tab.page.locator('[data-path="/api/agents"]').first.wait_for()
    keys = tab.page.locator('[data-path="/api/keys"]').first
    for _ in range(100):  # what is far below is drawn when it is near
        if keys.is_visible():
            return
        tab.page.mouse.wheel(0, 600)
        tab.page.wait_for_timeout(50)
    raise AssertionError("the page of the API does not show /api/keys")
