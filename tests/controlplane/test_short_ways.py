"""Short ways for agents' requests lead where the long ones do."""

import io
import json
from typing import Any

import pytest
from django.core import signals
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils import timezone

from apps.access.domain.identity import Scope
from apps.access.models import ApiKey
from controlplane.wsgi import Handler
from tests.cast import HeldKey
from tests.routing import acts


def test_addresses_without_parameters_are_remembered_and_lead_to_the_same_view() -> None:
    handler = Handler()
    for path, remembered in (("/api/usage", True), ("/healthz", True), ("/api/usage/some-id", False)):
        expected = resolve(path)
        for _ in range(2):
            request = _request(path)
            match = handler.resolve_request(request)
            assert request.resolver_match is match
            assert (match.func, match.kwargs, match.view_name) == (expected.func, expected.kwargs, expected.view_name)
        assert (handler.resolve_request(_request(path)) is match) == remembered


def test_unknown_addresses_stay_unknown() -> None:
    handler = Handler()
    for _ in range(2):
        with pytest.raises(Resolver404):
            handler.resolve_request(_request("/api/nothing"))


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/api/usage", None, 200),
        ("/api/usage", "*/*", 200),
        ("/api/usage", "application/json", 200),
        ("/api/usage", "text/html, application/json;q=0.5", 200),
        ("/api/usage", "text/html", 406),
        ("/metrics", "text/plain", 200),
    ],
)
def test_an_answer_has_the_form_that_was_asked_for(path: str, accept: str | None, status: int, reader: HeldKey) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert reader.client.get(path, headers=headers).status_code == status


@pytest.mark.django_db(transaction=True)
def test_the_handler_goes_the_short_way_and_hands_on_what_it_read(make_held_key: Any) -> None:
    """The same answers as through the middlewares; a body that the short way has read is there for the long one."""
    acts.published()
    held: HeldKey = make_held_key(Scope.ROUTING_USE)
    handler = Handler()
    handler.load_middleware()
    seen = []

    def ended(**_: Any) -> None:
        seen.append("ended")

    signals.request_finished.connect(ended)
    question = b'{"message": "thanks", "input_tokens": 10, "project": "support"}'
    told = {}
    for number in range(3):
        status, headers, body = _called(handler, held, "POST", "/api/routing/decisions", question)
        of_pages = {"Allow", "X-Frame-Options"}  # which the framework adds
        told[number] = (status, sorted(headers.keys() - of_pages), sorted(json.loads(body)))
    assert told[0] == told[2], "the first one went the long way: the key was not known"
    assert told[2][0] == "201 Created"
    assert ApiKey.objects.get(pk=held.key.pk).last_used_at is not None
    status, _, body = _called(handler, held, "POST", "/api/routing/decisions", b'{"message": 5}')
    assert (status[:3], json.loads(body)["errors"][0]["path"]) == ("422", "message")
    _, headers, config = _called(handler, held, "GET", "/api/routing/config", b"")
    assert json.loads(config)["version"] == 1
    tag = {"HTTP_IF_NONE_MATCH": headers["ETag"]}
    status, headers, body = _called(handler, held, "GET", "/api/routing/config", b"", **tag)
    assert (status[:3], body) == ("304", b"")
    assert headers["Content-Security-Policy"].startswith("default-src")
    ApiKey.objects.filter(pk=held.key.pk).update(revoked_at=timezone.now())
    assert _called(handler, held, "GET", "/api/routing/config", b"", **tag)[0][:3] == "401"
    signals.request_finished.disconnect(ended)
    assert seen, "a request that opened a connection or noted a use ends as Django ends it"


@pytest.mark.django_db(transaction=True)
def test_a_body_in_pieces_is_a_body(make_held_key: Any, settings: Any) -> None:
    """No length is sent with `Transfer-Encoding: chunked`; the server in front says that its input ends."""
    held: HeldKey = make_held_key(Scope.USAGE_WRITE)
    handler = Handler()
    handler.load_middleware()
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    record = b'{"operation": "execute_tool", "tool": "bash"}'
    judged = b'{"task_id": "t", "source": "user", "success": true}'
    for path, body in (("/api/usage", record), ("/api/usage", record), ("/api/outcomes", judged)):
        status, _, told = _called(handler, held, "POST", path, body, **chunked)
        assert status[0] == "2", told
    most = settings.INGEST_MAX_BYTES
    for path in ("/api/usage", "/api/outcomes"):
        assert _called(handler, held, "POST", path, b" " * (most + 1), **chunked)[0][:3] == "413"


@pytest.mark.django_db(transaction=True)
def test_the_short_way_is_for_json_alone(make_held_key: Any) -> None:
    held: HeldKey = make_held_key(Scope.USAGE_WRITE)
    handler = Handler()
    handler.load_middleware()
    for kind, status in (("application/json;charset=utf-8", "200"), ("application/jsonx", "415"), ("", "415")):
        body = b'{"operation": "execute_tool", "tool": "bash"}'
        for _ in range(2):
            assert _called(handler, held, "POST", "/api/usage", body, CONTENT_TYPE=kind)[0][:3] == status, kind


def _called(
    handler: Handler, held: HeldKey, method: str, path: str, body: bytes, **more: Any
) -> tuple[str, dict[str, str], bytes]:
    answered: list[Any] = []
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "testserver",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": f"Bearer {held.secret}", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http", **more,
    }  # fmt: skip
    given = handler(environ, lambda status, headers, *_: answered.append((status, dict(headers))))
    told = b"".join(given)
    if close := getattr(given, "close", None):
        close()
    return (*answered[0], told)


def _request(path: str) -> HttpRequest:
    request = HttpRequest()
    request.path = request.path_info = path
    return request
