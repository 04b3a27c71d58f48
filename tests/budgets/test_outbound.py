"""P22: nothing is ever sent to an address that is not public, whatever somebody types or a resolver says."""

import contextlib
import gc
import http.client
import http.server
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from apps.budgets.domain.targets import is_public
from apps.budgets.services.outbound import OutboundError, client, post
from apps.budgets.services.outbound.resolving import Unresolved
from tests.budgets.addresses import ALLOWED, NAMES, forbidden

Reply = Callable[[http.server.BaseHTTPRequestHandler], None]


def lookup(host: str, port: int, *, seconds: float) -> list[str]:
    """What names resolve to in tests; numbers as the system reads them, odd spellings included."""
    if host in NAMES:
        return NAMES[host]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError) as error:
        raise Unresolved(f"{host} could not be found.") from error
    return [str(one[4][0]) for one in found]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where a connection was tried; none is made."""
    tried: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(client, "resolve", lookup)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


def test_no_forbidden_address_is_ever_connected_to(connected: list[tuple[str, int]]) -> None:
    corpus = forbidden()
    assert len(corpus) == len(set(corpus)) >= 120
    for url in corpus:
        with pytest.raises(OutboundError) as refusal:
            post(url, body=b"{}", headers={})
        assert connected == [], url
        assert "secret" not in str(refusal.value)


def test_every_allowed_one_is_tried(connected: list[tuple[str, int]]) -> None:
    for url in ALLOWED:
        connected.clear()
        with pytest.raises(OutboundError, match="connection refused"):
            post(url, body=b"{}", headers={})
        assert connected, url
        assert {port for _, port in connected} <= {443, 8443}


def test_own_networks_open_what_they_hold_and_nothing_else(
    connected: list[tuple[str, int]], settings: Settings
) -> None:
    settings.OUTBOUND_NETWORKS = ["10.1.0.0/16", "fd00::/8"]
    for url in ("http://private.example:9000/x", "https://10.1.255.1/", "http://six.example/"):
        connected.clear()
        with pytest.raises(OutboundError, match="connection refused"):
            post(url, body=b"{}", headers={})
        assert connected, url
    connected.clear()
    for url in (
        "http://10.2.0.1/",
        "https://10.2.0.1/",
        "http://example.org/",
        "http://half.example/",
        "https://[::1]/",
    ):
        with pytest.raises(OutboundError):
            post(url, body=b"{}", headers={})
    assert connected == []


def test_what_the_standard_library_calls_global_is_not_enough() -> None:
    for text in ("224.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "192.88.99.1", "fec0::1", "3fff::1", "2001::1"):
        assert not is_public(ipaddress.ip_address(text)), text
    for text in ("1.1.1.1", "2606:4700::1111", "2a00:1450:4001:82a::200e"):
        assert is_public(ipaddress.ip_address(text)), text


@contextlib.contextmanager
def server(reply: Reply, certificate: Path | None = None) -> Iterator[int]:
    """A server on this machine that answers POST so; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply(self)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running.server_port
        finally:
            running.shutdown()
            thread.join()


def answering(status: int, body: bytes = b"", **headers: str) -> Reply:
    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return reply


@pytest.fixture
def at_home(settings: Settings) -> None:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    settings.OUTBOUND_TOTAL_SECONDS = 0.5


def test_it_sends_our_headers_alone_and_reads_the_answer(at_home: None) -> None:
    seen: dict[str, Any] = {}

    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        seen["headers"] = dict(request.headers)
        seen["body"] = request.rfile.read(int(request.headers["Content-Length"]))
        answering(429, b"slowly", Retry_After="7", Set_Cookie="a=b")(request)

    with server(reply) as port:
        answer = post(f"http://127.0.0.1:{port}/hook?a=1", body=b'{"a":1}', headers={"User-Agent": "Bursar"})
    assert (answer.status, answer.retry_after, answer.body) == (429, 7, b"slowly")
    assert seen["headers"] == {"Host": f"127.0.0.1:{port}", "User-Agent": "Bursar", "Content-Length": "7"}
    assert seen["body"] == b'{"a":1}'


def test_a_redirect_is_an_answer_and_is_not_followed(at_home: None) -> None:
    asked: list[str] = []

    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        answering(302, Location="/elsewhere")(request)

    with server(reply) as port:
        assert post(f"http://127.0.0.1:{port}/", body=b"", headers={}).status == 302
    assert asked == ["/"]


def test_an_answer_is_read_so_far_and_no_further(at_home: None, settings: Settings) -> None:
    settings.OUTBOUND_ANSWER_BYTES = 1000
    with server(answering(200, b"x" * 100_000)) as port:
        assert post(f"http://127.0.0.1:{port}/", body=b"", headers={}).body == b"x" * 1000


def test_one_that_answers_byte_by_byte_has_the_same_time_as_any(at_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def drip(request: http.server.BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            request.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not stop.wait(0.05):
                request.wfile.write(b"X-Slow: 1\r\n")

    began = time.monotonic()
    with server(drip) as port:
        with pytest.raises(OutboundError, match=r"did not answer within 0\.5 s"):
            post(f"http://127.0.0.1:{port}/", body=b"", headers={})
        stop.set()
    assert time.monotonic() - began < 2
    # What comes after the time is over may reset the connection, which is closed all the same.
    stop.clear()
    monkeypatch.setattr(http.client.HTTPResponse, "read", reset)
    with server(drip) as port, warnings.catch_warnings(record=True, action="always") as told:
        fail_by_time(port)
        gc.collect()
        stop.set()
    assert not told


def fail_by_time(port: int) -> None:
    with pytest.raises(OutboundError, match="did not answer") as caught:
        post(f"http://127.0.0.1:{port}/", body=b"", headers={})
    assert not caught.value.permanent  # and what holds itself in a circle is collected later


def reset(*_: Any) -> bytes:
    raise ConnectionResetError


def test_a_body_that_never_ends_or_breaks_off_takes_nothing_from_the_status(at_home: None) -> None:
    """Some receivers answer 200 without a length and leave the connection open."""
    stop = threading.Event()

    def hold(request: http.server.BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nok")
            stop.wait(5)

    def break_off(request: http.server.BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc")

    for reply, status in ((hold, 200), (break_off, 503)):
        with server(reply) as port:
            assert post(f"http://127.0.0.1:{port}/", body=b"", headers={}).status == status
            stop.set()


def test_when_to_come_back_is_said_in_seconds_or_as_a_date() -> None:
    with time_machine.travel(datetime(2026, 11, 25, 12, tzinfo=UTC), tick=False):
        for header, seconds in (
            (None, None), ("", None), ("soon", None), ("120", 120), (" 7 ", 7), ("9" * 40, 999_999_999),
            ("Wed, 25 Nov 2026 12:30:00 GMT", 1800), ("Wed, 25 Nov 2026 11:00:00 GMT", 0), ("-5", None), ("²", None),
            ("Wed, 99 Nov 2026 11:00:00 GMT", None),
        ):  # fmt: skip
            assert client._seconds(header) == seconds, header


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name receiver.example, with its key, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "key", "-out", "cert", "-days", "2"]
    named = ["-subj", "/CN=receiver.example", "-addext", "subjectAltName=DNS:receiver.example"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *made, *named], cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return both


def test_the_connection_is_pinned_and_tls_asks_for_the_name(
    at_home: None, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def resolver(host: str, port: int, *, seconds: float) -> list[str]:
        """Says another address each time, as a rebinding resolver does."""
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["203.0.113.1"]

    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(client, "resolve", resolver)
    monkeypatch.setattr(client, "_tls", lambda: trusting)
    with server(answering(204), certificate) as port:
        assert post(f"https://receiver.example:{port}/", body=b"", headers={}).status == 204
        assert looked_up == ["receiver.example"]
        looked_up.clear()
        with pytest.raises(OutboundError, match="TLS with other.example failed"):
            post(f"https://other.example:{port}/", body=b"", headers={})


def test_a_name_that_nobody_knows_is_said_in_words(settings: Settings) -> None:
    with pytest.raises(OutboundError, match="does-not-exist.invalid could not be") as refusal:
        post("https://does-not-exist.invalid/", body=b"", headers={})
    assert not refusal.value.permanent
