"""Links that let somebody in: used twice, for another person, after a newer one, with more in the form."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.http import urlsafe_base64_encode

from apps.access.domain.errors import Conflict
from apps.access.domain.identity import Role
from apps.access.models import AuditEntry, Invitation, Project, User
from apps.access.services import passwords, people
from apps.access.services.people import (
    NewInvitation,
    Standing,
    accept_invitation,
    create_owner,
    invite,
    revoke_invitation,
)
from tests.access.test_passwords import NEW, link_in
from tests.cast import PASSWORD, make_person

SignIn = Callable[[User], Client]
MORE = {"role": "owner", "email": "eve@example.org", "limited": "", "projects": "", "is_active": "on", "person": "1"}


def reset_links(*persons: User) -> list[str]:
    """A mailed link for each, the oldest first, made a second apart."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for person in persons:
            passwords.request_reset(email=person.email, base_url="http://testserver/")
            passwords.send_due_resets()
            clock.shift(timedelta(seconds=1))
    return [link_in(letter) for letter in mail.outbox]


def test_a_reset_link_is_of_one_person_and_ends_all_links_of_that_person(
    alice: User, bob: User, charlie: Client, signed_in: SignIn
) -> None:
    elsewhere, of_bobs = signed_in(alice), signed_in(bob)
    older, newer, of_bob = reset_links(alice, alice, bob)
    assert older != newer
    token = newer.rsplit("/", 1)[1]
    strange = f"/password/reset/{urlsafe_base64_encode(str(bob.pk).encode())}/{token}"
    assert [charlie.get(strange).status_code, charlie.post(strange, NEW).status_code] == [404, 404]
    assert of_bobs.post(older, NEW | MORE).status_code == 303
    assert [charlie.post(link, NEW).status_code for link in (older, newer)] == [404, 404]
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.check_password(NEW["password"]), alice.email, alice.role) == (True, "alice@example.org", "owner")
    assert (bob.check_password(PASSWORD), bob.role) == (True, "admin")
    assert elsewhere.get("/keys").status_code == 302
    assert charlie.get(of_bob).status_code == 200
    assert AuditEntry.objects.filter(action="password.reset").count() == 1


def test_signing_in_ends_a_reset_link(alice: User, charlie: Client) -> None:
    (link,) = reset_links(alice)
    assert charlie.get(link).status_code == 200
    assert charlie.post("/login", {"email": alice.email, "password": PASSWORD}).status_code == 303
    assert charlie.get(link).status_code == 404


def test_an_invitation_gives_what_it_was_made_for_and_nothing_after_it_has_ended(
    alice: User, bob: User, support: Project, signed_in: SignIn, charlie: Client
) -> None:
    limited = Standing(Role.ANALYST, frozenset({support.pk}))
    ended, open_one = (invite(caller=alice.caller(), email="dan@example.org", standing=limited) for _ in range(2))
    revoked = invite(caller=alice.caller(), email="fay@example.org", standing=Standing(Role.ADMIN))
    revoke_invitation(caller=alice.caller(), invitation_id=revoked.invitation.pk)
    answers = []
    for link in (ended, revoked, open_one, open_one):
        answers.append(signed_in(bob).post(f"/invitation/{link.token}", NEW | MORE).status_code)
    assert answers == [404, 404, 303, 404]
    dan = User.objects.exclude(pk__in=[alice.pk, bob.pk]).get()
    assert (dan.email, dan.role, dan.project_limit) == ("dan@example.org", "analyst", frozenset({support.pk}))
    assert charlie.get(f"/invitation/{open_one.token[:-1]}").status_code == 404


def test_who_came_by_another_way_is_not_made_twice(alice: User, charlie: Client) -> None:
    link = invite(caller=alice.caller(), email="dan@example.org", standing=Standing(Role.ADMIN))
    create_owner(email="dan@example.org")
    answer = charlie.post(f"/invitation/{link.token}", NEW)
    assert (answer.status_code, b"is here already" in answer.content) == (422, True)


@pytest.mark.django_db(transaction=True)
def test_links_that_are_made_or_used_at_once_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in (passwords, people):  # Time in which another could come between.
        monkeypatch.setattr(service, "refuse_weak", lambda *_: time.sleep(0.05))
    owner = make_person("o@example.org", Role.OWNER)

    def at_once(act: Callable[[int], object]) -> list[str]:
        def one(number: int) -> str:
            try:
                act(number)
            except (User.DoesNotExist, Invitation.DoesNotExist, Conflict):
                return "ended"
            finally:
                connection.close()
            return "done"

        with ThreadPoolExecutor(4) as pool:
            return sorted(pool.map(one, range(4)))

    made: list[NewInvitation] = []
    standing = Standing(Role.ANALYST)
    at_once(lambda _: made.append(invite(caller=owner.caller(), email="dan@example.org", standing=standing)))
    assert (len(made), Invitation.objects.open().count()) == (4, 1)
    used = [["ended"] * 4, ["done", "ended", "ended", "ended"]]
    found = [at_once(lambda _, one=one: accept_invitation(token=one.token, password=NEW["password"])) for one in made]  # type: ignore[misc]
    assert sorted(found, reverse=True) == [used[0]] * 3 + [used[1]]
    uid, token = urlsafe_base64_encode(str(owner.pk).encode()), default_token_generator.make_token(owner)
    words = [f"{number} violet tractors sing" for number in range(4)]
    assert at_once(lambda n: passwords.reset_password(uid=uid, token=token, password=words[n])) == used[1]
