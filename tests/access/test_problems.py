"""One shape for every error, on every answer the same safe headers."""

import gzip
import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends import db as sessions
from django.db import InternalError, OperationalError
from django.test import Client
from gunicorn.http.errors import InvalidHeader, LimitRequestLine
from psycopg import errors as pg
from psycopg_pool import PoolTimeout
from pytest_django import Settings

from apps.access.domain.errors import NotAllowed
from apps.access.models import User
from apps.access.selectors import callers
from controlplane.gunicorn_worker import Worker
from controlplane.middleware import CONTENT_SECURITY_POLICY
from controlplane.problems import is_database_away
from tests.cast import HeldKey

SignIn = Callable[[User], Client]


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    body: dict[str, Any] = answer.json()
    assert set(body) >= {"type", "title", "status", "detail", "request_id", "errors"}
    assert (body["status"], body["request_id"]) == (status, answer["X-Request-Id"])
    return body


def test_an_unknown_address(charlie: Client) -> None:
    is_problem(charlie.get("/api/nothing"), 404)


def test_an_unknown_page_is_a_page(charlie: Client) -> None:
    answer = charlie.get("/nothing")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")
    assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert answer["X-Request-Id"].encode() in answer.content


def test_who_is_signed_in_keeps_the_top_bar_where_nothing_is(alice: User, signed_in: SignIn) -> None:
    answer = signed_in(alice).get("/nothing")
    assert answer.status_code == 404
    assert b'href="/budgets"' in answer.content
    assert b'href="/budgets"' not in Client().get("/nothing").content


@pytest.mark.parametrize(
    ("body", "kind", "encoding", "status"),
    [
        (b"{", "application/json", "", 400),
        (b"[]", "application/json", "", 400),
        (b"\xff", "application/json", "", 400),
        (b"[" * 100_000, "application/json", "", 400),
        (b'{"name": NaN}', "application/json", "", 400),
        (b"name=x", "application/x-www-form-urlencoded", "", 415),
        (b"{}", "text/plain", "", 415),
        (b"{}", "application/jsonx", "", 415),
        (b"{}", "application/json", "gzip", 400),
        (gzip.compress(b"{}", mtime=0)[:-4], "application/json", "gzip", 400),
        (gzip.compress(b" " * 6_000_000, mtime=0), "application/json", "gzip", 413),
        (b" " * 5_300_000, "application/json", "", 413),
        (b"{}", "application/json", "br", 400),
        (gzip.compress(b"{}", mtime=0), "application/json", "gzip", 422),
        (gzip.compress(b"{}", mtime=0), "application/json", "X-GZip", 422),
        (b'{"name": "\\ud800", "scopes": ["admin"]}', "application/json", "", 400),
    ],
)
def test_bodies_that_are_refused(admin_key: HeldKey, body: bytes, kind: str, encoding: str, status: int) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    is_problem(admin_key.client.post("/api/keys", body, content_type=kind, headers=headers), status)


def test_another_method(admin_key: HeldKey) -> None:
    is_problem(admin_key.client.put("/api/keys", b"{}", content_type="application/json"), 405)


def test_options_tell_the_methods_to_every_caller(reader: HeldKey, charlie: Client) -> None:
    for path, methods in (("/api/keys", "GET, POST, HEAD, OPTIONS"), ("/api/outcomes", "POST, OPTIONS")):
        answer = reader.client.options(path)
        assert (answer.status_code, answer["Allow"], answer.json()) == (200, methods, {"allow": methods.split(", ")})
        is_problem(charlie.options(path), 401)


def test_what_is_no_request_is_a_problem_too() -> None:
    for error, status in ((LimitRequestLine(9000, 8190), 414), (InvalidHeader("a b"), 400), (ValueError("x"), 500)):
        ours, theirs = socket.socketpair()
        worker = Worker.__new__(Worker)
        worker.log = logging.getLogger("bursar.silent")
        worker.log.disabled = True
        worker.handle_error(None, ours, ("127.0.0.1", 5), error)
        ours.close()
        head, _, body = theirs.makefile("rb").read().partition(b"\r\n\r\n")
        theirs.close()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"Content-Type: application/problem+json" in head
        assert json.loads(body).keys() == {"type", "title", "status", "detail", "request_id", "errors"}


@pytest.mark.parametrize("path", ["/api/audit?actor=%00", "/keys?show=%00", "/api/%00"])
def test_nul_is_refused_at_the_door(charlie: Client, path: str) -> None:
    assert charlie.get(path).status_code == 400


def test_nul_in_a_cookie_is_refused(charlie: Client) -> None:
    assert charlie.get("/login", headers={"Cookie": 'sessionid="a\\000b"'}).status_code == 400


def test_without_a_key(charlie: Client) -> None:
    answer = charlie.get("/api/keys")
    is_problem(answer, 401)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer bsr_" + "0" * 33, "Bearer é\udcff"])
def test_headers_that_are_no_key(db: None, header: str) -> None:
    answer = Client(headers={"Authorization": header}, raise_request_exception=False).get("/api/keys")
    is_problem(answer, 401)


def test_an_unknown_host_is_refused(charlie: Client) -> None:
    assert charlie.get("/api/keys", headers={"Host": "localhost/#@x"}).status_code == 400


@pytest.mark.parametrize(
    ("sent", "kept"), [("abcdefgh-1", True), ("short", False), ("a" * 65, False), ("a\nb" * 9, False)]
)
def test_a_safe_request_id_is_kept(charlie: Client, sent: str, kept: bool) -> None:
    answer = charlie.get("/healthz", headers={"X-Request-Id": sent})
    assert (answer["X-Request-Id"] == sent) is kept


def test_the_database_is_away_for_a_key(reader: HeldKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "prepared", away)
    answer = reader.client.get("/api/schema")
    is_problem(answer, 503)
    assert answer["Retry-After"] == "2"


def test_the_database_is_away_for_a_page(alice: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = signed_in(alice)
    monkeypatch.setattr(sessions.SessionStore, "load", away)
    answer = browser.get("/keys")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert b"Nothing was changed" in answer.content
    assert b"Traceback" not in answer.content


def test_readiness_says_when_the_database_is_away(charlie: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("controlplane.health._missing_and_ahead", away)
    answer = charlie.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert charlie.get("/healthz").status_code == 200


def test_a_session_needs_csrf_for_changes(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/api/keys").status_code == 200
    is_problem(browser.post("/api/keys", b"{}", content_type="application/json"), 403)
    token = browser.get("/password").context["csrf_token"]
    answer = browser.post("/api/keys", b"{}", content_type="application/json", headers={"X-CSRFToken": str(token)})
    is_problem(answer, 422)


def test_guessing_is_slowed_down_but_locks_nobody_out(reader: HeldKey, writer: HeldKey, settings: Settings) -> None:
    settings.GUESSES_PER_MINUTE = 3
    assert reader.client.get("/api/schema").status_code == 200
    guesser = Client(headers={"Authorization": "Bearer " + wrong_key()})
    assert [guesser.get("/api/keys").status_code for _ in range(4)] == [401, 401, 401, 429]
    answer = guesser.get("/api/keys")
    is_problem(answer, 429)
    assert 0 < int(answer["Retry-After"]) <= 60
    assert reader.client.get("/api/schema").status_code == 200
    assert writer.client.get("/api/schema").status_code == 429
    assert writer.client.get("/api/schema", REMOTE_ADDR="192.0.2.9").status_code == 200


def test_a_refusal_outside_of_a_form_is_a_page(alice: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotAllowed("Not in this house.", code="no")

    monkeypatch.setattr("apps.access.views.keys.keys_of", refuse)
    answer = signed_in(alice).get("/keys")
    assert answer.status_code == 403
    assert b"Not in this house." in answer.content


def test_a_failure_of_ours_tells_nothing(admin_key: HeldKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("apps.access.api.keys.keys_of", broken)
    answer = admin_key.client.get("/api/keys")
    is_problem(answer, 500)
    assert b"secret detail" not in answer.content


def away(*_: object, **__: object) -> None:
    raise OperationalError("connection refused")


def test_a_lost_database_is_known_by_the_drivers_errors_too() -> None:
    standby = InternalError("cannot execute INSERT in a read-only transaction")
    standby.__cause__ = pg.ReadOnlySqlTransaction()
    lost = [pg.AdminShutdown(), pg.QueryCanceled(), pg.ReadOnlySqlTransaction(), standby, OperationalError()]
    ours = [pg.UniqueViolation(), pg.UndefinedTable(), InternalError(), RuntimeError(), None]

    assert [is_database_away(error) for error in (*lost, *ours)] == [True] * 5 + [False] * 5


def test_the_log_says_why_the_database_is_away(
    admin_key: HeldKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    locked, no_room = OperationalError("a row of theirs"), OperationalError()
    locked.__cause__ = pg.LockNotAvailable("a row of theirs")
    no_room.__cause__ = PoolTimeout("couldn't get a connection after 2.00 sec")
    for error in (locked, no_room, pg.QueryCanceled("their statement"), OperationalError("connection refused")):

        def failing(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("apps.access.api.keys.keys_of", failing)
        assert admin_key.client.get("/api/keys").status_code == 503
    assert [record.getMessage() for record in caplog.records if record.name == "controlplane.problems"] == [
        "Database away: LockNotAvailable, SQLSTATE 55P03",
        "Database away: PoolTimeout, couldn't get a connection after 2.00 sec",
        "Database away: QueryCanceled, SQLSTATE 57014",
        "Database away: OperationalError, connection refused",
    ]


def wrong_key() -> str:
    from apps.access.domain.keys import make_key

    return make_key()


def test_errors_name_the_field(admin_key: HeldKey) -> None:
    body = {"name": "x", "scopes": ["root", "admin"]}
    answer = admin_key.client.post("/api/keys", json.dumps(body), content_type="application/json")
    [error] = is_problem(answer, 422)["errors"]
    assert (error["path"], error["code"]) == ("scopes.0", "invalid_choice")
