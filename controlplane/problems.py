"""One shape for every error: RFC 9457 problem+json for the API, a plain page for people."""

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from psycopg import errors as pg
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.request_context import origin
from apps.budgets.domain.states import BudgetRefused
from apps.costs.domain.tokens import VocabularyError
from controlplane.theme import chosen_theme

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
AWAY = "The database cannot be reached right now. Nothing was changed. Please try again in a moment."
UNCOUNTABLE = (
    "Texts cannot be counted: a token vocabulary of this installation is damaged, its log says which. Nothing was"
    " changed. Send token counts, or try again later."
)
_API_PATHS = ("/api/", "/v1/")
_FRAMED = (403, 404)
_DETAILS = {
    400: "The request could not be understood.",
    403: "You may not do this.",
    404: "There is nothing at this address, or you may not see it.",
    500: "Something failed on our side. What you sent may not have been saved.",
    503: AWAY,
}

Errors = Sequence[Mapping[str, str]]


def problem(
    status: int,
    detail: str = "",
    *,
    errors: Errors = (),
    kind: str = "",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """An application/problem+json answer. `kind` is a short machine word, told as `type`; `more` adds members."""
    body = {
        "type": f"urn:bursar:problem:{kind}" if kind else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or _DETAILS.get(status, HTTPStatus(status).description),
        "request_id": origin().request_id,
        "errors": list(errors),
        **(more or {}),
    }
    return HttpResponse(
        json.dumps(body), status=status, content_type="application/problem+json", headers=dict(headers or {})
    )


def page(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """The same for a person, without a stack trace.

    What they may not see or what is not there leaves them where they are, under the top bar. Of a failure the page is
    static and asks the database nothing: it may be what failed.
    """
    context = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": detail or _DETAILS.get(status, HTTPStatus(status).description),
        "request_id": origin().request_id,
    }
    try:
        frame = request if status in _FRAMED else None
        text: str = render_to_string("problem.html", context | {"theme": chosen_theme(request)}, frame)
    except Exception:  # whatever is broken, the person gets an answer
        logger.exception("The error page could not be rendered.")
        text = f"<!doctype html><title>{status}</title><p>{escape(context['detail'])}</p>"
    return HttpResponse(text, status=status)


def is_api(request: HttpRequest) -> bool:
    """True if programs speak on this address, so that errors are JSON."""
    return request.path.startswith(_API_PATHS)


def answer(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """A problem for a program or a page for a person, by the address."""
    return problem(status, detail) if is_api(request) else page(request, status, detail)


def database_away(request: HttpRequest, exception: BaseException | None) -> HttpResponse:
    """503 with Retry-After; the log says why."""
    _note_away(exception)
    response = answer(request, 503, AWAY)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def is_database_away(exception: BaseException | None) -> bool:
    """True for a lost, refused, exhausted or overloaded database, and for a standby that only reads.

    Statements on the driver's own cursors raise its errors, the others Django's around them.
    """
    if isinstance(exception, (OperationalError, InterfaceError, PoolTimeout, pg.OperationalError, pg.InterfaceError)):
        return True
    cause = exception.__cause__ if isinstance(exception, InternalError) else exception
    return isinstance(cause, pg.ReadOnlySqlTransaction)


def is_unreachable(exception: BaseException | None) -> bool:
    """True where no statement is to blame: nobody answers, there is no room, or the server is going down."""
    code = _cause_of(exception)[1]
    return is_database_away(exception) and (code is None or code.startswith(("08", "53", "57P")))


def _cause_of(exception: BaseException | None) -> tuple[BaseException | None, str | None]:
    """The driver's error behind Django's, and PostgreSQL's code for it."""
    cause = exception.__cause__ if exception and isinstance(exception.__cause__, pg.Error) else exception
    return cause, cause.sqlstate if isinstance(cause, pg.Error) else None


def _note_away(exception: BaseException | None) -> None:
    """The driver's error with PostgreSQL's code for it, else its first line: neither holds a value."""
    cause, code = _cause_of(exception)
    told = f"SQLSTATE {code}" if code else str(cause).partition("\n")[0][:200]
    logger.warning("Database away: %s, %s", type(cause).__name__, told)


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's handler. None lets an unknown exception become a logged 500."""
    if is_database_away(exception):
        _note_away(exception)
        return problem(503, AWAY, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    if isinstance(exception, VocabularyError):
        logger.error("Text cannot be counted: %s", exception)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return problem(503, UNCOUNTABLE, headers=headers)
    if isinstance(exception, Refused):
        return _of_refusal(exception)
    if isinstance(exception, BudgetRefused):
        return problem(402, str(exception), kind="budget", more=exception.denial.told())
    if isinstance(exception, RequestDataTooBig):
        return problem(413, "The body is larger than this installation accepts.")
    if isinstance(exception, (BadRequest, SuspiciousOperation)):
        return problem(400)
    if isinstance(exception, (Http404, ObjectDoesNotExist)):
        return problem(404)
    if isinstance(exception, PermissionDenied):
        return problem(403, str(exception))
    return _of_framework(exception) if isinstance(exception, drf.APIException) else None


def status_of(refusal: Refused) -> int:
    """409 for a conflict, 403 for what the caller may not do, else 422."""
    return 409 if isinstance(refusal, Conflict) else 403 if isinstance(refusal, NotAllowed) else 422


def _of_refusal(refusal: Refused) -> HttpResponse:
    error = {"path": refusal.path, "code": refusal.code, "message": refusal.message}
    return problem(status_of(refusal), refusal.message, errors=[error], kind=refusal.code)


def _of_framework(exception: drf.APIException) -> HttpResponse:
    headers = {}
    if auth_header := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if (wait := getattr(exception, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(exception, drf.ValidationError):
        errors = list(_flatten(exception.get_full_details(), ""))
        return problem(422, "The request was refused; see errors.", errors=errors, kind="refused")
    if isinstance(exception, drf.NotFound):
        return problem(404, headers=headers)
    return problem(exception.status_code, str(exception.detail), kind=_code_of(exception), headers=headers)


def _code_of(exception: drf.APIException) -> str:
    codes = exception.get_codes()
    return codes if isinstance(codes, str) else exception.default_code


def _flatten(details: Any, path: str) -> Iterable[dict[str, str]]:
    """DRF's nested error details as flat entries with dotted paths."""
    if isinstance(details, Mapping) and set(details) == {"message", "code"} and isinstance(details["code"], str):
        yield {"path": path, "code": details["code"], "message": str(details["message"])}
        return
    pairs = details.items() if isinstance(details, Mapping) else [("", detail) for detail in details]
    for name, detail in pairs:
        name = "" if name == "non_field_errors" else str(name)
        yield from _flatten(detail, f"{path}.{name}".strip(".") if name else path)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400. A body past the limit is 413, as the framework refuses it before any view."""
    if isinstance(exception, RequestDataTooBig):
        return answer(request, 413, "The body is larger than this installation accepts.")
    return answer(request, 400, str(exception) if isinstance(exception, BadRequest) else "")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return answer(request, 403, str(exception) if type(exception) is PermissionDenied else "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    return answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500. A database lost inside a middleware ends here too, and is a 503."""
    exception = sys.exc_info()[1]
    return database_away(request, exception) if is_database_away(exception) else answer(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was not sent from our own page, or the cookie is gone: say what to do."""
    return answer(request, 403, "This form was open too long or came from elsewhere. Reload the page and try again.")
