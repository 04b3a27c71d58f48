"""What every request passes: an id, the client's address, safe headers, declared views, a database that may be away."""

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.utils.cache import patch_vary_headers

from apps.access import request_context
from apps.access.api.quick import QuickView
from apps.access.domain.addresses import client_address, parse_networks
from apps.access.domain.errors import Refused
from apps.access.pages import is_declared
from controlplane import problems

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class RequestIdMiddleware:
    """Names each request and its client for logs, error answers and the audit log; answers with X-Request-Id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.trusted = parse_networks(settings.TRUSTED_PROXIES)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = self.origin_of(request)
        token = request_context.enter(origin)
        try:
            response = self.get_response(request)
        finally:
            request_context.leave(token)
        response["X-Request-Id"] = origin.request_id
        return response

    def origin_of(self, request: HttpRequest) -> request_context.Origin:
        """The id and the client of a request."""
        return request_context.Origin(request_id=_request_id(request), address=self._address(request))

    def _address(self, request: HttpRequest) -> str | None:
        meta = request.META
        return client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), self.trusted)


class ContentSecurityPolicyMiddleware:
    """Sets the constant policy on every answer; answers that say nothing about caching are private."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        _set_constant(response)
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request", "Cookie"])
        return response


class DatabaseAwayMiddleware:
    """Answers 503 when the database is away or too busy; refuses NUL, which PostgreSQL cannot store."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _has_nul(request):
            raise BadRequest("The request holds a NUL character.")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turns a lost database and a service's refusal into answers; other exceptions take their usual way."""
        if problems.is_database_away(exception):
            return problems.database_away(request, exception)
        if isinstance(exception, Refused):
            return problems.answer(request, problems.status_of(exception), exception.message)
        return None


class ShortWay:
    """Answers what agents ask all the time ahead of all that others need: files, sessions, the table of addresses.

    The views declare who may ask, as all do; the answer has the id and the headers that every answer has.
    """

    TRIED = "bursar.short_way_tried"
    """In the environment of a request that could not be answered so."""

    def __init__(self) -> None:
        from apps.costs.api.usage import UsageView
        from apps.routing.api.config import ConfigView
        from apps.routing.api.decisions import DecisionsView

        self.views: dict[str, QuickView] = {
            "/api/usage": UsageView(),
            "/api/routing/config": ConfigView(),
            "/api/routing/decisions": DecisionsView(),
        }
        self._origin_of = RequestIdMiddleware(_nobody).origin_of
        self._security = SecurityMiddleware(_nobody)
        self._constants: dict[tuple[Any, ...], tuple[tuple[str, str], ...]] = {}
        self._caught = convert_exception_to_response(cast(Any, self._answer))

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """The answer with all its headers; None for a request that has to go the long way."""
        if (told := self.told(request)) is None:
            return None
        answer, headers = told
        for name, value in headers:
            answer.headers[name] = value
        return answer

    def told(self, request: HttpRequest) -> tuple[HttpResponse, list[tuple[str, str]]] | None:
        """The answer, and the headers that it needs beside its own."""
        if request.path_info not in self.views or _has_nul(request) or self._security.process_request(request):
            return None
        origin = self._origin_of(request)
        token = request_context.enter(origin)
        try:
            answer = self._caught(request)
        finally:
            request_context.leave(token)
        if not isinstance(answer, HttpResponse):
            return None
        own = [("X-Request-Id", origin.request_id), ("Content-Length", str(len(answer.content)))]
        return answer, [*self._constant(request, answer), *own]

    def _constant(self, request: HttpRequest, answer: HttpResponse) -> Iterable[tuple[str, str]]:
        """What every answer has, as far as this one does not say it itself."""
        key = (request.is_secure(), *[name for name, _ in answer.items()])
        constant = self._constants.get(key)
        if constant is None:
            bare = HttpResponse()
            del bare.headers["Content-Type"]
            _set_constant(bare)
            every = self._security.process_response(request, bare).items()
            constant = tuple([(name, value) for name, value in every if name not in answer.headers])
            self._constants[key] = constant  # by the names that the views give, which are few
        return constant

    def _answer(self, request: HttpRequest) -> HttpResponse | None:
        request.get_host()  # raises for a host that is not this installation
        try:
            return self.views[request.path_info].answer_at_once(request)
        except Exception as error:
            answer = problems.exception_handler(error, {})
            if answer is None:
                raise
            return answer


class ShortWayMiddleware:
    """The short way where no `Handler` of controlplane/wsgi.py went it already; else all goes on as without it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.short = ShortWay()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = None if ShortWay.TRIED in request.META else self.short.answer(request)
        return self.get_response(request) if answer is None else answer


class DenyUndeclaredMiddleware:
    """Refuses a view that declares neither a role nor a scope nor that it is public: deny by default."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Runs before every view; a declared one goes on."""
        if is_declared(view):
            return None
        return problems.answer(request, 403, "This address declares nobody who may use it.")


def _nobody(request: HttpRequest) -> HttpResponseBase:
    raise AssertionError("nothing comes after the short way")


def _set_constant(response: HttpResponseBase) -> None:
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    if not response.has_header("Cache-Control"):
        response["Cache-Control"] = "no-store"


def _request_id(request: HttpRequest) -> str:
    """The caller's own id if it is safe to log and store, else a new one."""
    sent = request.META.get("HTTP_X_REQUEST_ID", "")
    return sent if _SAFE_REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)


def _has_nul(request: HttpRequest) -> bool:
    return (
        "%00" in request.META.get("QUERY_STRING", "")
        or "\0" in request.path
        or "HTTP_COOKIE" in request.META
        and any("\0" in value for value in request.COOKIES.values())
    )
