"""P21: role x endpoint x scope, generated from the URL table. Every cell is as declared; a view must declare."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from apps.access.domain.identity import Role, Scope
from apps.access.models import User
from apps.access.pages import is_declared
from controlplane.middleware import DenyUndeclaredMiddleware
from tests.cast import HeldKey
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


def named(endpoint: Endpoint) -> str:
    return endpoint.name


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


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("endpoint", PAGES, ids=named)
def test_pages_by_role(
    endpoint: Endpoint, method: str, charlie: Client, ann: User, bob: User, alice: User, signed_in: SignIn
) -> None:
    assert is_denied(charlie.generic(method, endpoint.path)) is not endpoint.is_public
    for person in (ann, bob, alice):
        allowed = endpoint.is_public or Role(person.role).includes(endpoint.role or Role.OWNER)
        answer = signed_in(person).generic(method, endpoint.path)
        assert is_denied(answer) is not allowed, (person.email, answer.status_code)
        assert answer.status_code < 500 or endpoint.name.startswith(("readyz", "healthz"))


@pytest.mark.parametrize("endpoint", APIS, ids=named)
def test_api_by_role(endpoint: Endpoint, charlie: Client, ann: User, bob: User, alice: User, signed_in: SignIn) -> None:
    for method in API_METHODS:
        callers = [(charlie, None)] + [(signed_in(person), Role(person.role)) for person in (ann, bob, alice)]
        for client, role in callers:
            answer = client.generic(method, endpoint.path, b"{}", content_type="application/json")
            check_cell(endpoint, method, answer, role, _scopes_of(role))


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("endpoint", APIS, ids=named)
def test_api_by_scope(endpoint: Endpoint, scope: Scope, make_held_key: Callable[..., HeldKey], bob: User) -> None:
    of_owner, of_admin = make_held_key(scope), make_held_key(scope, maker=bob)
    for method in API_METHODS:
        for held, role in ((of_owner, Role.OWNER), (of_admin, Role.ADMIN)):
            answer = held.client.generic(method, endpoint.path, b"{}", content_type="application/json")
            check_cell(endpoint, method, answer, role, {scope})


def check_cell(endpoint: Endpoint, method: str, answer: Any, role: Role | None, scopes: set[Scope]) -> None:
    cell = (endpoint.name, method, role, sorted(scopes), answer.status_code, getattr(answer, "content", b"")[:200])
    if method not in endpoint.scopes:
        assert answer.status_code == 405, cell
        return
    rule = endpoint.scopes[method]
    wanted = {rule} if isinstance(rule, Scope) else rule
    allowed = role is not None and bool(wanted & scopes) and role.includes(endpoint.role or Role.ANALYST)
    assert is_denied(answer) is not allowed, cell
    assert answer.status_code < 500, cell


def _scopes_of(role: Role | None) -> set[Scope]:
    if role is None:
        return set()
    return {Scope.METRICS_READ} if role is Role.ANALYST else set(Scope)
