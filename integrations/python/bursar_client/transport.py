"""HTTP with the standard library: connections kept alive, bodies packed, every wait bounded."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

PACK_FROM_BYTES = 1024
IDLE_SECONDS = 10.0
MAX_ANSWER_BYTES = 16 << 20


class Unreachable(Exception):
    """No answer came."""


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object of the body; an empty one when it is something else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def detail(self) -> str:
        """Why it was refused, in the server's words."""
        return str(self.json().get("detail") or self.status)[:300]

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


class Transport:
    """Asks one Bursar. Safe in threads: each question has a connection of its own, taken from those that idle."""

    def __init__(self, url: str, key: str, agent: str = "bursar-client") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an address like http://127.0.0.1:8000")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._context = ssl.create_default_context() if parts.scheme == "https" else None
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json", "User-Agent": agent}
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()
        self._keeps = True

    def ask(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        body: Mapping[str, Any] | bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One question. A kept connection that has gone is replaced once. Raises Unreachable."""
        target = f"{self._path}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = {**self._headers, **(headers or {})}
        data = json.dumps(body).encode() if isinstance(body, Mapping) else body
        if data is not None:
            sent["Content-Type"] = "application/json"
            if len(data) >= PACK_FROM_BYTES:
                data, sent["Content-Encoding"] = gzip.compress(data, compresslevel=1, mtime=0), "gzip"
        connection = self._kept()
        if connection is not None:
            try:
                return self._send(connection, seconds, method, target, data, sent)
            except (http.client.RemoteDisconnected, ConnectionError):
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise Unreachable(_words(error)) from error
        connection = self._fresh(seconds)
        try:
            return self._send(connection, seconds, method, target, data, sent)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(_words(error)) from error

    def close(self) -> None:
        """Close the connections that idle; those that are busy are closed after their answer."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._keeps = False
        for _, connection in idle:
            connection.close()

    def __del__(self) -> None:
        """A client that is dropped without a close leaves no connection to the garbage collector."""
        for _, connection in self.__dict__.get("_idle", ()):
            connection.close()

    def open(self) -> None:
        """Keep connections from here on, as at first."""
        self._keeps = True

    def abandon(self) -> None:
        """In a forked child: the connections are the parent's, and its lock may be held for ever."""
        self._lock = threading.Lock()
        self.close()
        self.open()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        seconds: float,
        method: str,
        target: str,
        data: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        connection.request(method, target, data, headers)
        with connection.getresponse() as answer:  # An answer without a length keeps the connection open itself.
            content = answer.read(MAX_ANSWER_BYTES)
            with self._lock:
                is_kept = not answer.will_close and answer.isclosed() and self._keeps
                if is_kept:
                    self._idle.append((time.monotonic(), connection))
        if not is_kept:
            connection.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def _kept(self) -> http.client.HTTPConnection | None:
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def _fresh(self, seconds: float) -> http.client.HTTPConnection:
        if self._context is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=seconds, context=self._context)
        return http.client.HTTPConnection(self._host, self._port, timeout=seconds)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
