"""POST to an address that somebody typed, so that nobody can use Bursar to reach what they could not reach themselves.

1. The URL is read strictly: https, no user name, one spelling of every host.
2. The host is looked up once. All its addresses must be public, or in the operator's own networks.
3. The connection goes to one of those addresses, whatever a second look-up would say; TLS and HTTP use the host's name.
4. No redirect is followed, no proxy of the environment is used, no cookie is kept, and only our headers are sent.
5. Connecting, all of it together, and the size of the answer have limits.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

from apps.budgets.domain.targets import Forbidden, Network, Target, parse_target, refuse_target
from apps.budgets.services.outbound.resolving import Unresolved, resolve

# However many a host has: each may take as long as connecting may.
MOST_ADDRESSES = 2


class OutboundError(Exception):
    """Nothing was delivered, and why. `permanent`: trying again as it stands cannot help."""

    def __init__(self, words: str, *, permanent: bool = False) -> None:
        super().__init__(words)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, Retry-After in seconds if it was given, the beginning of the body."""

    status: int
    retry_after: int | None
    body: bytes


def check(url: str) -> None:
    """Raises OutboundError if nothing would be sent there. Looks the host up, connects to nothing."""
    _reachable(url)


def post(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send the body. Raises OutboundError when there is no answer; an answer of any status is returned."""
    target, addresses = _reachable(url)
    try:
        return _exchange(target, addresses, body, headers)
    except TimeoutError as error:
        raise OutboundError(f"{target.host} did not answer within {settings.OUTBOUND_TOTAL_SECONDS:g} s.") from error
    except ssl.SSLError as error:
        raise OutboundError(f"TLS with {target.host} failed: {error.reason or type(error).__name__}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise OutboundError(f"{target.host} could not be reached: {_reason(error)}.") from error


def _reachable(url: str) -> tuple[Target, list[str]]:
    try:
        target = parse_target(url)
        addresses = resolve(target.host, target.port, seconds=settings.OUTBOUND_CONNECT_SECONDS)
        refuse_target(target, addresses, ports=_ports(), own=_own_networks(tuple(settings.OUTBOUND_NETWORKS)))
    except Forbidden as error:
        raise OutboundError(str(error), permanent=True) from error
    except Unresolved as error:
        raise OutboundError(str(error)) from error
    return target, addresses


def _exchange(target: Target, addresses: list[str], body: bytes, headers: Mapping[str, str]) -> Answer:
    with _deadline(settings.OUTBOUND_TOTAL_SECONDS) as watch:
        link = watch.of(_connected(target, addresses))
        connection = http.client.HTTPConnection(target.host, target.port, timeout=settings.OUTBOUND_TOTAL_SECONDS)
        with contextlib.closing(connection):
            connection.sock = _secured(link, target, watch) if target.scheme == "https" else link
            connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": target.host_header, **headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            # One without a length keeps the connection itself, and an error in the body would leave it open.
            with connection.getresponse() as answer:
                watch.is_answered = not watch.is_over
                return Answer(answer.status, _seconds(answer.getheader("Retry-After")), _beginning(answer))


def _beginning(answer: http.client.HTTPResponse) -> bytes:
    """So much of the body as is read. One that never ends, or breaks off, takes nothing from what the status says."""
    try:
        return answer.read(_most())
    except (OSError, http.client.HTTPException):
        return b""


def _connected(target: Target, addresses: list[str]) -> socket.socket:
    """A connection to the first address that takes one. Raises the last one's OSError."""
    failure: OSError = OSError("no address")
    for address in addresses[:MOST_ADDRESSES]:
        try:
            return socket.create_connection((address, target.port), timeout=settings.OUTBOUND_CONNECT_SECONDS)
        except OSError as error:
            failure = error
    raise failure


class _Watch:
    """Ends whatever a connection waits for once the time is over: a slow answer may come byte by byte."""

    def __init__(self) -> None:
        self.is_over = False
        self.is_answered = False
        self._link: socket.socket | None = None

    def of(self, link: socket.socket) -> socket.socket:
        """The connection to watch from now on."""
        self._link = link
        return link

    def end(self) -> None:
        self.is_over = True
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)


def _secured(link: socket.socket, target: Target, watch: _Watch) -> socket.socket:
    """The connection under TLS, its certificate checked for the name of the host, not for the address."""
    secured = _tls().wrap_socket(link, server_hostname=target.host, do_handshake_on_connect=False)
    watch.of(secured)
    try:
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    secured.settimeout(settings.OUTBOUND_TOTAL_SECONDS)
    return secured


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[_Watch]:
    watch = _Watch()
    timer = threading.Timer(seconds, watch.end)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    except (OSError, http.client.HTTPException) as error:
        if watch.is_over:
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if watch.is_over and not watch.is_answered:
        raise TimeoutError


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@lru_cache(maxsize=4)
def _own_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text.strip()) for text in texts)


def _ports() -> set[int]:
    return {int(port) for port in settings.OUTBOUND_PORTS}


def _most() -> int:
    return int(settings.OUTBOUND_ANSWER_BYTES)


def _seconds(retry_after: str | None) -> int | None:
    """How long to wait: the header says seconds, or a date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        until = parsedate_to_datetime(text)
        return max(0, int((until - timezone.now()).total_seconds()))
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return "it does not speak HTTP, or broke off"
    return (getattr(error, "strerror", None) or type(error).__name__).lower()
