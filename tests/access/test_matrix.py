"""P21: role x endpoint x scope, generated from the URL table. Every cell is as declared; a view must declare."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory

from apps.access.domain.identity import Role, Scope
from apps.access.models import User
from apps.access.pages import is_declared
from controlplane.middleware import DenyUndeclaredMiddleware
from tests.cast import HeldKey
from tests.isolation import forget_everything
from tests.urls import API_METHODS, Endpoint, endpoints

SignIn = Callable[[User], Client]
ALL = endpoints()
PAGES = [endpoint for endpoint in ALL if not endpoint.scopes]
APIS = [endpoint for endpoint in ALL if endpoint.scopes]
PUBLIC = {
    "access:accept_invitation",
    "access:forgot_password",
    "access:login",
    "access:reset_password",
    "budgets:acknowledge-by-mail",
    "budgets:agree-by-mail",
    "healthz",
    "healthz-background",
    "readyz",
    "theme",
}


def is_denied(answer: Any) -> bool:
    to_login = answer.status_code == 302 and answer["Location"].startswith("/login")
    return to_login or answer.status_code in (401, 403)


def test_every_view_declares_who_may_use_it() -> None:
    assert [endpoint.name for endpoint in ALL if not is_declared(endpoint.view)] == []


def test_only_these_are_public() -> None:
    assert {endpoint.name for endpoint in ALL if endpoint.is_public} == PUBLIC


def test_an_undeclared_view_is_refused_at_run_time() -> None:
    def forgotten(request: object) -> HttpResponse:
        raise AssertionError("it ran")

    gate = DenyUndeclaredMiddleware(lambda request: HttpResponse())
    answer = gate.process_view(RequestFactory().get("/api/x"), forgotten, (), {})
    assert answer is not None
    assert answer.status_code == 403


def test_what_changes_things_needs_more_than_reading() -> None:
    readers = [
        (endpoint.name, method)
        for endpoint in APIS
        for method, rule in endpoint.scopes.items()
        if method != "GET" and rule in (Scope.METRICS_READ, frozenset(Scope))
    ]
    assert readers == []


def test_pages_by_role(charlie: Client, ann: User, bob: User, alice: User, signed_in: SignIn) -> None:
    wrong: list[tuple[Any, ...]] = []
    sessions = {person: cookie_of(signed_in(person)) for person in (ann, bob, alice)}
    for endpoint, method in itertools.product(PAGES, ("GET", "POST")):
        with undone():
            if is_denied(charlie.generic(method, endpoint.path)) is endpoint.is_public:
                wrong.append((endpoint.name, method, "nobody"))
        for person, session in sessions.items():
            allowed = endpoint.is_public or Role(person.role).includes(endpoint.role or Role.OWNER)
            with undone():
                answer = browser(session).generic(method, endpoint.path)
            failed = answer.status_code >= 500 and not endpoint.name.startswith(("readyz", "healthz"))
            if failed or is_denied(answer) is allowed:
                wrong.append((endpoint.name, method, person.email, answer.status_code))
    assert wrong == []


def test_api_by_role(charlie: Client, ann: User, bob: User, alice: User, signed_in: SignIn) -> None:
    sessions = {Role(person.role): cookie_of(signed_in(person)) for person in (ann, bob, alice)}
    wrong = []
    for endpoint, method in itertools.product(APIS, API_METHODS):
        for role in (None, *sessions) if method in endpoint.scopes else (None, Role.OWNER):
            client = browser(sessions[role]) if role else charlie
            wrong += wrong_cell(endpoint, method, client, role, _scopes_of(role))
    assert wrong == []


def test_api_by_scope(make_held_key: Callable[..., HeldKey], bob: User) -> None:
    """Methods that an endpoint does not have are asked for by role alone: 405 is what everybody hears."""
    wrong = []
    declared = [(one, method) for one, method in itertools.product(APIS, API_METHODS) if method in one.scopes]
    for scope in Scope:
        of_owner, of_admin = make_held_key(scope), make_held_key(scope, maker=bob)
        for endpoint, method in declared:
            for held, role in ((of_owner, Role.OWNER), (of_admin, Role.ADMIN)):
                wrong += wrong_cell(endpoint, method, held.client, role, {scope})
    assert wrong == []


def wrong_cell(endpoint: Endpoint, method: str, client: Client, role: Role | None, scopes: set[Scope]) -> list[Any]:
    """The cell with the answer, if that is not as declared; else nothing. What the request changed is undone."""
    with undone():
        answer: Any = client.generic(method, endpoint.path, b"{}", content_type="application/json")
    cell = (endpoint.name, method, role, sorted(scopes), answer.status_code, getattr(answer, "content", b"")[:200])
    if method not in endpoint.scopes:
        return [] if answer.status_code == 405 else [cell]
    rule = endpoint.scopes[method]
    wanted = {rule} if isinstance(rule, Scope) else rule
    allowed = role is not None and bool(wanted & scopes) and role.includes(endpoint.role or Role.ANALYST)
    return [cell] if is_denied(answer) is allowed or answer.status_code >= 500 else []


@contextmanager
def undone() -> Iterator[None]:
    """Takes back what a request changes, in the database and in the memory of the process."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    forget_everything()


def cookie_of(client: Client) -> str:
    """The session of a signed-in browser."""
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def browser(session: str) -> Client:
    """A browser that holds this session, whatever another one with it was told."""
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    return client


def _scopes_of(role: Role | None) -> set[Scope]:
    if role is None:
        return set()
    return {Scope.METRICS_READ} if role is Role.ANALYST else set(Scope)
