"""Signing in: guessing is limited before the hash (P25), answers are the same for unknown people."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access import login_protection
from apps.access.domain.identity import Role
from apps.access.domain.login_limits import Limits, capped_wait, delay_after, growing_wait
from apps.access.models import AuditEntry, User
from apps.access.sessions import SessionStore
from tests.cast import PASSWORD, make_person

LIMITS = Limits()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SignIn = Callable[[User], Client]


def try_login(email: str, password: str, address: str = "192.0.2.1", client: Client | None = None) -> Any:
    body = {"email": email, "password": password}
    return (client or Client()).post("/login", body, REMOTE_ADDR=address)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that got as far as being hashed."""
    seen: list[str] = []
    original = MD5PasswordHasher.encode

    def encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        seen.append(password)
        return str(original(self, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return seen


def test_it_works(alice: User) -> None:
    browser = Client()
    answer = try_login("Alice@Example.org ", PASSWORD, client=browser)
    assert (answer.status_code, answer["Location"]) == (303, "/start")
    assert browser.get("/keys").status_code == 200
    assert AuditEntry.objects.get().action == "session.started"
    assert browser.post("/logout").status_code == 303
    assert browser.get("/keys").status_code == 302


def test_it_leads_on_to_our_own_pages_only(alice: User) -> None:
    for wanted, reached in (
        ("/keys?show=all", "/keys?show=all"),
        ("/", "/start"),
        ("//evil.example", "/start"),
        ("https://evil.example", "/start"),
    ):
        answer = Client().post("/login", {"email": alice.email, "password": PASSWORD, "next": wanted})
        assert answer["Location"] == reached


def test_signing_in_leads_back_to_the_page_whose_form_was_sent(charlie: Client, db: None) -> None:
    def asked(referer: str, **headers: str) -> Any:
        return charlie.post("/budgets/3/raise", headers={"Referer": referer, **headers})

    assert asked("http://testserver/budgets/3?by=agent")["Location"] == "/login?next=/budgets/3%3Fby%3Dagent"
    assert asked("https://evil.example/budgets/3")["Location"] == "/login?next=/"
    assert asked("")["Location"] == "/login?next=/"
    # A part of a page leaves the page as it is, with what is typed into it.
    part = asked("http://testserver/budgets/3", **{"HX-Request": "true"})
    assert (part.status_code, part.content) == (401, b"")


def test_a_login_page_after_signing_in_leads_on(alice: User, signed_in: SignIn) -> None:
    assert signed_in(alice).get("/login?next=/keys")["Location"] == "/keys"


def test_the_session_key_changes_at_login_and_is_stored_as_a_digest(alice: User) -> None:
    planted = SessionStore()
    planted.create()
    browser = Client()
    browser.cookies["sessionid"] = str(planted.session_key)
    try_login(alice.email, PASSWORD, client=browser)
    key = browser.cookies["sessionid"].value
    assert key != planted.session_key
    assert not Session.objects.filter(session_key__in=[key, planted.session_key]).exists()
    assert browser.get("/keys").status_code == 200


def test_unknown_and_known_people_cost_the_same(alice: User, hashed: list[str]) -> None:
    costs = []
    for email in (alice.email, "nobody@example.org"):
        hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = try_login(email, "wrong")
        costs.append((len(hashed), len(queries), answer.status_code, answer.content.count(b"do not belong together")))
    assert costs[0] == costs[1]
    assert costs[0][0] == 1


def test_suspended_people_are_refused_like_unknown_ones(alice: User) -> None:
    User.objects.update(is_active=False)
    answer = try_login(alice.email, PASSWORD)
    assert answer.status_code == 422
    assert b"do not belong together" in answer.content


def test_the_sixth_wrong_try_waits_and_the_wait_grows(alice: User, hashed: list[str]) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        answers = [try_login(alice.email, f"wrong {n}").status_code for n in range(6)]
        assert answers == [422] * 5 + [429]
        assert len(hashed) == 5
        clock.shift(timedelta(seconds=31))
        assert try_login(alice.email, "wrong").status_code == 422
        clock.shift(timedelta(seconds=31))
        locked = try_login(alice.email, PASSWORD)
        assert (locked.status_code, locked["Retry-After"]) == (429, "29")
        clock.shift(timedelta(seconds=30))
        assert try_login(alice.email, PASSWORD).status_code == 303


def test_a_right_password_is_no_guess(alice: User) -> None:
    assert {try_login(alice.email, PASSWORD).status_code for _ in range(12)} == {303}


def test_many_networks_together_share_the_tries_of_an_account(
    alice: User, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_protection, "limits", Limits(per_account=6))
    with time_machine.travel(NOON, tick=False):
        answers = [try_login(alice.email, f"x{n}", f"10.0.{n}.1").status_code for n in range(9)]
    assert answers == [422] * 6 + [429] * 3
    assert len(hashed) == 6


def test_a_network_shares_its_tries_over_all_accounts(
    db: None, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_protection, "limits", Limits(per_network=6))
    with time_machine.travel(NOON, tick=False):
        answers = [try_login(f"p{n}@example.org", "x", f"192.0.2.{n}").status_code for n in range(9)]
    assert answers == [422] * 6 + [429] * 3
    assert len(hashed) == 6


def test_the_limits_that_hold() -> None:
    assert (LIMITS.free, LIMITS.per_account, LIMITS.per_network) == (5, 20, 50)
    assert login_protection.limits == LIMITS


def test_a_browser_that_signed_in_before_cannot_be_locked_out(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_protection, "limits", Limits(per_account=3))
    browser = Client()
    try_login(alice.email, PASSWORD, client=browser)
    browser.cookies.pop("sessionid")
    for n in range(4):
        try_login(alice.email, "x", f"10.0.{n}.1")
    assert try_login(alice.email, PASSWORD).status_code == 429
    assert try_login(alice.email, PASSWORD, client=browser).status_code == 303


def test_the_mark_of_a_browser_opens_no_other_account_and_has_its_own_limit(alice: User, hashed: list[str]) -> None:
    bob = make_person("bob@example.org", Role.ADMIN)
    browser = Client()
    try_login(alice.email, PASSWORD, client=browser)
    hashed.clear()
    assert [try_login(alice.email, "x", client=browser).status_code for _ in range(7)] == [422] * 5 + [429] * 2
    assert [try_login(bob.email, "x", client=browser).status_code for _ in range(7)] == [422] * 5 + [429] * 2
    assert len(hashed) == 10


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_gain_nothing(hashed: list[str]) -> None:
    make_person("alice@example.org", Role.OWNER)
    hashed.clear()

    def guess(number: int) -> int:
        try:
            status: int = try_login("alice@example.org", f"x{number}").status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count(422) == 5
    assert len(hashed) == 5


def test_what_was_typed_as_email_is_not_logged(db: None) -> None:
    try_login("my-password@typed.here", "x")
    assert AuditEntry.objects.get().actor == "unknown address"


def test_wrong_present_passwords_are_counted_with_the_login(alice: User, signed_in: SignIn) -> None:
    browser = signed_in(alice)
    body = {"old_password": "wrong", "password": "nine violet tractors", "again": "nine violet tractors"}
    texts = [browser.post("/password", body).content for _ in range(6)]
    assert [b"not your present" in text for text in texts] == [True] * 5 + [False]
    assert try_login(alice.email, PASSWORD, "127.0.0.1").status_code == 429


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 30), (6, 60), (9, 480), (10, 900), (11, 900), (1000, 900)]
)
def test_the_delay_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert delay_after(failures, LIMITS) == timedelta(seconds=seconds)


def test_waits() -> None:
    five = [NOON + timedelta(seconds=n) for n in range(5)]
    assert growing_wait([], NOON, LIMITS) == timedelta(0)
    assert growing_wait(five, NOON + timedelta(seconds=4), LIMITS) == timedelta(seconds=30)
    assert growing_wait(five, NOON + timedelta(seconds=34), LIMITS) == timedelta(0)
    assert growing_wait(five[:4], NOON - timedelta(hours=1), LIMITS) == timedelta(0)  # a clock that was set back
    assert capped_wait(five, 6, NOON) == timedelta(0)
    assert capped_wait(five, 5, NOON + timedelta(seconds=4)) == timedelta(minutes=59, seconds=56)
    assert capped_wait(five, 3, NOON + timedelta(seconds=4)) == timedelta(minutes=59, seconds=58)
