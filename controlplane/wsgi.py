"""The WSGI entry point that gunicorn serves."""

import os
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest
from django.urls import ResolverMatch
from django.utils.log import log_response

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")


class Handler(WSGIHandler):
    """Django's handler, which keeps what addresses without parameters lead to, and goes the short way of agents first.

    Django tries one pattern after the other, at every request: for an agent's address near the end of the list that was
    a fifth of the whole request. A pattern without parameters fits one address only, so there are as many as patterns.
    What begins and ends every request, signals and a chain of middlewares, was a third of a 304 of the configuration.
    """

    def __init__(self) -> None:
        super().__init__()
        from controlplane.middleware import ShortWay

        self._known: dict[str, ResolverMatch] = {}
        self._short, self._tried = ShortWay(), ShortWay.TRIED

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """The answer of the short way, else Django's."""
        if "HTTP_TRANSFER_ENCODING" in environ:
            _measure(environ)
        if environ.get("PATH_INFO") not in self._short.views:
            return super().__call__(environ, start_response)
        request = WSGIRequest(environ)
        if (told := self._short.told(request)) is None:
            environ[self._tried] = request
            return super().__call__(environ, start_response)
        answer, headers = told
        if answer.status_code >= 400:
            log_response("%s: %s", answer.reason_phrase, request.path, response=answer, request=request)
        start_response(f"{answer.status_code} {answer.reason_phrase}", [*answer.items(), *headers])
        if not _leaves_work():
            return [answer.content]
        answer._handler_class = self.__class__  # type: ignore[attr-defined]
        return answer  # Closing it ends the request as Django does.

    def request_class(self, environ: dict[str, Any]) -> WSGIRequest:  # type: ignore[override]
        """The request, which the short way may have made and read already."""
        return environ.get(self._tried) or WSGIRequest(environ)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """The view of a request, as Django finds it."""
        match = self._known.get(request.path_info)
        if match is None:
            match = super().resolve_request(request)
            if not (match.args or match.kwargs):
                self._known[request.path_info] = match
        request.resolver_match = match
        return match


def _measure(environ: dict[str, Any]) -> None:
    """Read a body that comes in pieces, and note its length: without one Django takes any body for empty.

    No more is read than what is refused as too large.
    """
    if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _leaves_work() -> bool:
    """Whether a connection has to go back to the pool, or the use of a key has to be stored, once the answer is out."""
    from apps.access.services import key_use

    return connections[DEFAULT_DB_ALIAS].connection is not None or key_use.is_noted()


django.setup(set_prefix=False)
application = Handler()
