"""Every page of access opens for whom it is meant, and says what it should."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.domain.identity import Role
from apps.access.models import Invitation, User
from apps.access.services.people import Standing, invite
from tests.cast import HeldKey

SignIn = Callable[[User], Client]


@pytest.mark.parametrize(
    "path",
    [
        "/keys",
        "/keys?show=all",
        "/keys/new",
        "/people",
        "/people/invite",
        "/projects",
        "/audit",
        "/password",
        "/health",
    ],
)
def test_pages_open_for_the_owner(alice: User, writer: HeldKey, signed_in: SignIn, path: str) -> None:
    answer = signed_in(alice).get(path)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert {"HX-Request", "Cookie"} <= {name.strip() for name in answer["Vary"].split(",")}


def test_pages_of_one_thing(alice: User, bob: User, writer: HeldKey, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    for path in (
        f"/keys/{writer.key.pk}/rotate",
        f"/keys/{writer.key.pk}/revoke",
        f"/people/{bob.pk}",
        f"/people/{bob.pk}/remove",
    ):
        assert browser.get(path).status_code == 200, path


def test_an_invitation_opens_for_nobody_in_particular(alice: User, charlie: Client) -> None:
    new = invite(caller=alice.caller(), email="dan@example.org", standing=Standing(Role.ANALYST))
    assert charlie.get(f"/invitation/{new.token}").status_code == 200
    assert charlie.get("/invitation/wrong").status_code == 404
    assert Invitation.objects.count() == 1


def test_login_says_how_to_begin(charlie: Client, db: None) -> None:
    assert b"create_owner" in charlie.get("/login").content
