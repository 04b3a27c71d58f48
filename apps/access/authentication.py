"""Who calls the API: a key in the Authorization header, or a person's session with CSRF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework import authentication, exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.access import request_context
from apps.access.domain import keys
from apps.access.domain.identity import Caller, Role, Scope
from apps.access.models import User
from apps.access.selectors.callers import holder_of
from apps.access.services import audit, guessing, key_use, known_keys, places

if TYPE_CHECKING:
    # Views import this module through DRF's settings, so this import would be a circle.
    from rest_framework.views import APIView

SCHEME = "Bearer"
ScopeRule = Scope | frozenset[Scope]
"""One scope a method needs, or a set of which any one is enough."""


class ApiRequest(Request):
    """What an API view receives once DeclaredScope let the caller in."""

    auth: Caller


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer bsr_…`. `request.auth` is the Caller; nothing is cached, so a revocation holds at once."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        return (None, caller_of_header(header)) if header is not None else None

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


def caller_of_header(header: str) -> Caller:
    """The caller behind an Authorization header. Raises AuthenticationFailed (401) or Throttled (429)."""
    scheme, _, key = header.partition(" ")
    if scheme.lower() != SCHEME.lower():
        raise exceptions.AuthenticationFailed("Send the key as `Authorization: Bearer bsr_…`.")
    address = request_context.origin().address
    if not keys.is_wellformed(key):
        guessing.note_failure(address)
        raise exceptions.AuthenticationFailed("This is not a key of Bursar: it is mistyped or cut off.")
    digest = keys.digest(key)
    if (wait := guessing.seconds_to_wait(address, digest)) > 0:
        raise exceptions.Throttled(wait, "Too many wrong keys came from this address.")
    holder = holder_of(digest)
    if holder is None:
        guessing.note_failure(address)
        raise exceptions.AuthenticationFailed("This key is unknown, revoked or expired.")
    guessing.note_success(digest)
    known_keys.remember(digest, holder.caller)
    places.see_version(holder.places_version)
    if holder.use_is_stale and holder.caller.key_id is not None:
        key_use.note(holder.caller.key_id)
    return holder.caller


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in person's browser, with CSRF on every unsafe method. `request.auth` is the Caller."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated or user.must_change_password:
            return None
        self.enforce_csrf(request)
        return user, user.caller()


class DeclaredScope(BasePermission):
    """Lets a caller through if it holds the scope the view declares for the method; refuses all else.

    A view declares `required_scopes = {"GET": Scope.METRICS_READ, …}` and, where a scope is not enough, also
    `required_role`, which a key has from its maker. OPTIONS, which tells the methods alone, is for every caller.
    """

    message = "This key or person lacks the scope for it."

    def has_permission(self, request: Request, view: APIView) -> bool:
        rules: Mapping[str, ScopeRule] = getattr(view, "required_scopes", {})
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in rules and method != "OPTIONS":
            raise exceptions.MethodNotAllowed(method)
        caller = request.auth
        if not isinstance(caller, Caller):
            raise exceptions.NotAuthenticated("Send a key as `Authorization: Bearer bsr_…`, or sign in.")
        if method == "OPTIONS" and method not in rules:
            return True
        if _holds(caller, rules[method]) and _has_role(caller, view):
            return True
        audit.record_denial(caller, method=method, path=request.path)
        return False


def may_ask(caller: Caller, view: APIView, method: str) -> bool:
    """Whether a caller holds the scope, and the role, that a view declares for a method."""
    rule = getattr(view, "required_scopes", {}).get(method)
    return rule is not None and _holds(caller, rule) and _has_role(caller, view)


def _holds(caller: Caller, rule: ScopeRule) -> bool:
    return rule in caller.scopes if isinstance(rule, Scope) else bool(rule & caller.scopes)


def _has_role(caller: Caller, view: APIView) -> bool:
    """What only owners may do is about the whole installation: a key that is bound to a project may not."""
    role = getattr(view, "required_role", None)
    return role is None or (caller.has_role(role) and (role is not Role.OWNER or caller.project_ids is None))
