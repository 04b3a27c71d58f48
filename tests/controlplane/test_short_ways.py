"""Short ways for agents' requests lead where the long ones do."""

import pytest
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from controlplane.wsgi import Handler
from tests.cast import HeldKey


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


def _request(path: str) -> HttpRequest:
    request = HttpRequest()
    request.path = request.path_info = path
    return request
