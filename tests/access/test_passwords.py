"""Passwords: one-time ones, changing, and the mailed link."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from pytest_django import Settings

from apps.access.models import PasswordReset, User
from apps.access.services import passwords
from apps.access.services.people import create_owner
from tests.cast import PASSWORD

SignIn = Callable[[User], Client]
NEW = {"password": "nine violet tractors", "again": "nine violet tractors"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def mail_is_set_up(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://localhost"


def test_a_one_time_password_must_be_changed_first(db: None) -> None:
    person, password = create_owner(email="o@example.org")
    browser = Client()
    browser.post("/login", {"email": person.email, "password": password})
    assert browser.get("/keys")["Location"] == "/password"
    assert browser.get("/api/keys").status_code == 401
    assert browser.post("/password", NEW).status_code == 303
    assert browser.get("/keys").status_code == 200


def test_changing_it_ends_other_sessions(alice: User, signed_in: SignIn) -> None:
    here, elsewhere = signed_in(alice), signed_in(alice)
    assert here.post("/password", {"old_password": PASSWORD, **NEW}).status_code == 303
    assert here.get("/keys").status_code == 200
    assert elsewhere.get("/keys").status_code == 302


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"old_password": "x", **NEW}, b"not your present password"),
        ({"old_password": PASSWORD, "password": "a", "again": "b"}, b"differ"),
        ({"old_password": PASSWORD, "password": "short", "again": "short"}, b"too short"),
        ({"old_password": PASSWORD, "password": "1qaz2wsx3edc", "again": "1qaz2wsx3edc"}, b"too common"),
        ({"old_password": PASSWORD, "password": "alice@example.org", "again": "alice@example.org"}, b"similar"),
    ],
)
def test_refused_changes(alice: User, signed_in: SignIn, body: dict[str, str], words: bytes) -> None:
    answer = signed_in(alice).post("/password", body)
    assert answer.status_code == 422
    assert words in answer.content
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_without_mail_there_is_no_such_page(charlie: Client, db: None) -> None:
    assert charlie.get("/password/forgotten").status_code == 404
    assert b"Forgot" not in charlie.get("/login").content


def test_a_mailed_link_works_once(alice: User, charlie: Client, mail_is_set_up: None) -> None:
    assert b"Forgot" in charlie.get("/login").content
    assert charlie.post("/password/forgotten", {"email": "Alice@example.org"}).status_code == 303
    assert (passwords.send_due_resets(), passwords.send_due_resets()) == (1, 0)
    [letter] = mail.outbox
    link = link_in(letter)
    assert (letter.to, charlie.get(link).status_code) == ([alice.email], 200)
    assert charlie.post(link, NEW).status_code == 303
    assert charlie.get(link).status_code == 404
    alice.refresh_from_db()
    assert alice.check_password(NEW["password"])


def test_unknown_addresses_get_the_same_answer_and_no_mail(alice: User, charlie: Client, mail_is_set_up: None) -> None:
    known = charlie.post("/password/forgotten", {"email": alice.email}, follow=True).content
    unknown = charlie.post("/password/forgotten", {"email": "x@example.org"}, follow=True).content
    assert without_tokens(known) == without_tokens(unknown)
    assert PasswordReset.objects.count() == 1


def test_three_links_an_hour(alice: User, charlie: Client, mail_is_set_up: None) -> None:
    for _ in range(5):
        charlie.post("/password/forgotten", {"email": alice.email})
    assert PasswordReset.objects.count() == 3


def test_links_end_after_three_hours_and_with_the_person(alice: User, charlie: Client, mail_is_set_up: None) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        passwords.request_reset(email=alice.email, base_url="http://testserver/")
        passwords.send_due_resets()
        link = link_in(mail.outbox[0])
        clock.shift(timedelta(hours=3))
        assert charlie.get(link).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert charlie.get(link).status_code == 404
        clock.shift(timedelta(hours=-1))
        User.objects.update(is_active=False)
        assert charlie.get(link).status_code == 404


@pytest.mark.parametrize("link", ["/password/reset/MQ/x", "/password/reset/%F0%9F/x", "/password/reset/!!/x"])
def test_links_that_were_never_made(charlie: Client, db: None, link: str) -> None:
    assert charlie.get(link).status_code == 404


def test_a_mail_server_that_fails_is_tried_again_later(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> int:
        raise ConnectionRefusedError

    with time_machine.travel(NOON, tick=False) as clock:
        passwords.request_reset(email=alice.email, base_url="http://testserver/")
        with monkeypatch.context() as broken:
            broken.setattr(EmailBackend, "send_messages", fail)
            assert passwords.send_due_resets() == 0
        assert passwords.send_due_resets() == 0  # still leased
        clock.shift(timedelta(minutes=3))
        assert passwords.send_due_resets() == 1


def link_in(letter: Any) -> str:
    found = re.search(r"http://testserver(/\S+)", letter.body)
    assert found
    return found[1]


def without_tokens(page: bytes) -> bytes:
    return re.sub(rb'(value|data-csrf)="[^"]*"', b"", page)
