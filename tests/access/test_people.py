"""People: invited by owners, limited to projects, and one owner always remains."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Role, Scope
from apps.access.models import ApiKey, Invitation, Project, User
from apps.access.services.people import Standing, accept_invitation, change_person, invite, remove_person
from tests.cast import HeldKey, make_person

SignIn = Callable[[User], Client]
ANALYST = Standing(Role.ANALYST)
PASSWORD = "nine violet tractors"


def test_an_invitation_works_once(alice: User, support: Project) -> None:
    standing = Standing(Role.ANALYST, frozenset({support.pk}))
    new = invite(caller=alice.caller(), email=" Dan@Example.org", standing=standing)
    dan = accept_invitation(token=new.token, password=PASSWORD)
    assert (dan.email, dan.role, dan.project_limit) == ("dan@example.org", "analyst", frozenset({support.pk}))
    with pytest.raises(Invitation.DoesNotExist):
        accept_invitation(token=new.token, password=PASSWORD)


def test_who_has_just_chosen_a_password_finds_the_address_typed_once(alice: User) -> None:
    new, browser = invite(caller=alice.caller(), email="dan@example.org", standing=ANALYST), Client()
    chosen = {"password": PASSWORD, "again": PASSWORD}
    login = browser.post(f"/invitation/{new.token}", chosen, follow=True).content.decode()
    assert 'value="dan@example.org"' in login
    assert re.search(r'<input type="password"[^>]* autofocus', login)
    assert "dan@example.org" not in browser.get("/login").content.decode()


def test_an_invitation_ends_after_a_week(alice: User) -> None:
    new = invite(caller=alice.caller(), email="dan@example.org", standing=ANALYST)
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1)), pytest.raises(Invitation.DoesNotExist):
        accept_invitation(token=new.token, password=PASSWORD)


def test_a_second_invitation_ends_the_first(alice: User) -> None:
    first, second = (invite(caller=alice.caller(), email="dan@example.org", standing=ANALYST) for _ in range(2))
    assert list(Invitation.objects.open()) == [second.invitation]
    with pytest.raises(Invitation.DoesNotExist):
        accept_invitation(token=first.token, password=PASSWORD)


def test_an_invitation_ends_with_the_rights_of_its_maker(alice: User) -> None:
    dave = make_person("dave@example.org", Role.OWNER)
    invite(caller=dave.caller(), email="x@example.org", standing=Standing(Role.OWNER))
    change_person(caller=alice.caller(), user_id=dave.pk, standing=Standing(Role.ADMIN))
    assert not Invitation.objects.open().exists()


def test_only_owners_manage_people(alice: User, bob: User) -> None:
    with pytest.raises(NotAllowed):
        invite(caller=bob.caller(), email="x@example.org", standing=ANALYST)
    with pytest.raises(NotAllowed):
        change_person(caller=bob.caller(), user_id=bob.pk, standing=Standing(Role.OWNER))
    with pytest.raises(NotAllowed):
        remove_person(caller=bob.caller(), user_id=alice.pk)


@pytest.mark.parametrize(
    "standing",
    [Standing(Role.OWNER, frozenset({1})), Standing(Role.ADMIN, frozenset()), Standing(Role.ADMIN, frozenset({999}))],
)
def test_limits_that_cannot_be(alice: User, standing: Standing) -> None:
    with pytest.raises(Refused):
        invite(caller=alice.caller(), email="x@example.org", standing=standing)


@pytest.mark.parametrize("email", ["", "x", "a@b", "a\0@example.org"])
def test_addresses_that_cannot_be(alice: User, email: str) -> None:
    with pytest.raises(Refused):
        invite(caller=alice.caller(), email=email, standing=ANALYST)


def test_the_last_owner_stays(alice: User) -> None:
    for act in (
        lambda: remove_person(caller=alice.caller(), user_id=alice.pk),
        lambda: change_person(caller=alice.caller(), user_id=alice.pk, standing=Standing(Role.ADMIN)),
        lambda: change_person(caller=alice.caller(), user_id=alice.pk, is_active=False),
    ):
        with pytest.raises(Conflict, match="last owner"):
            act()
    alice.refresh_from_db()
    assert (alice.role, alice.is_active) == ("owner", True)


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_remove_each_other_at_once() -> None:
    owners = [make_person(f"o{n}@example.org", Role.OWNER) for n in range(2)]

    def remove(number: int) -> str:
        try:
            remove_person(caller=owners[number].caller(), user_id=owners[1 - number].pk)
        except Conflict:
            return "conflict"
        finally:
            connection.close()
        return "removed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, range(2))) == ["conflict", "removed"]
    assert User.objects.owners().count() == 1


def test_a_change_holds_from_the_next_click(alice: User, bob: User, signed_in: SignIn) -> None:
    browser = signed_in(bob)
    assert browser.get("/keys").status_code == 200
    change_person(caller=alice.caller(), user_id=bob.pk, standing=ANALYST)
    assert browser.get("/keys").status_code == 403
    change_person(caller=alice.caller(), user_id=bob.pk, is_active=False)
    assert browser.get("/health").status_code == 302


def test_whoever_is_limited_to_a_deleted_project_sees_nothing(carol: User, support: Project) -> None:
    support.delete()
    carol = User.objects.get(pk=carol.pk)
    assert carol.project_limit == frozenset()


def test_limited_admins_see_and_make_only_keys_of_their_projects(
    support: Project, sales: Project, make_held_key: Callable[..., HeldKey], signed_in: SignIn
) -> None:
    dora = make_person("dora@example.org", Role.ADMIN, sales)
    own, other = (make_held_key(Scope.USAGE_WRITE, project_id=project.pk) for project in (sales, support))
    browser = signed_in(dora)
    assert [row.key for row in browser.get("/keys?show=all").context["rows"]] == [own.key]
    assert browser.get(f"/keys/{other.key.pk}/revoke").status_code == 404
    form = {"name": "n", "scopes": ["usage:write"], "expires": "never", "made": "m"}
    assert browser.post("/keys/new", form).status_code == 422
    assert browser.post("/keys/new", form | {"project": "support"}).status_code == 422
    assert browser.post("/keys/new", form | {"project": "sales"}).status_code == 201
    assert [project["name"] for project in browser.get("/api/projects").json()["results"]] == ["sales"]


def test_narrowing_a_maker_ends_their_admin_keys(alice: User, bob: User, sales: Project, make_held_key: Any) -> None:
    held = make_held_key(Scope.ADMIN, maker=bob)
    change_person(caller=alice.caller(), user_id=bob.pk, standing=Standing(Role.ADMIN, frozenset({sales.pk})))
    assert held.client.get("/api/keys").status_code == 401


def test_the_page_of_a_person(alice: User, bob: User, sales: Project, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    body = {"role": "analyst", "limited": "on", "projects": [sales.pk], "is_active": "on"}
    assert browser.post(f"/people/{bob.pk}", body).status_code == 303
    bob = User.objects.get(pk=bob.pk)
    assert (bob.role, bob.project_limit, bob.is_active) == ("analyst", frozenset({sales.pk}), True)


def test_the_api_needs_the_state_it_changes(alice: User, bob: User, signed_in: SignIn) -> None:
    browser, url = signed_in(alice), f"/api/people/{bob.pk}"
    patch = partial(browser.patch, url, '{"role": "analyst"}', content_type="application/json")
    seen = browser.get(url)["ETag"]
    assert patch().status_code == 428
    answer = patch(headers={"If-Match": seen})
    assert (answer.status_code, answer.json()["role"]) == (200, "analyst")
    assert patch(headers={"If-Match": seen}).status_code == 412


def test_a_reload_makes_no_second_key_or_invitation(alice: User, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    key = {"name": "n", "scopes": ["usage:write"], "expires": "30", "made": "one"}
    link = {"email": "x@example.org", "role": "analyst", "made": "two"}
    assert [browser.post("/keys/new", key).status_code for _ in range(2)] == [201, 303]
    assert [browser.post("/people/invite", link).status_code for _ in range(2)] == [201, 303]
    assert (ApiKey.objects.count(), Invitation.objects.count()) == (1, 1)


def test_projects_that_are_chosen_have_to_be_meant_as_a_limit(
    alice: User, carol: User, support: Project, signed_in: SignIn
) -> None:
    browser = signed_in(alice)
    link = {"email": "x@example.org", "role": "analyst", "made": "two", "projects": [support.pk]}
    answer = browser.post("/people/invite", link)
    assert answer.status_code == 422
    assert answer.context["form"].errors["limited"] == [
        "Projects are chosen: tick this to show only those, or choose none."
    ]
    assert browser.post("/people/invite", link | {"limited": "on"}).status_code == 201
    # Who takes a limit away means that, whatever stays ticked below it.
    wider = {"role": "analyst", "projects": [support.pk], "is_active": "on"}
    assert browser.post(f"/people/{carol.pk}", wider).status_code == 303
    carol.refresh_from_db()
    assert not carol.limited
