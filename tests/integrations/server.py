"""A small Bursar for tests of the client: it speaks the contract, keeps what it is told, and can be made to fail."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "bsr_test"
CONFIG = {
    "version": 12,
    "ttl_s": 60,
    "on_unreachable": "open",
    "model_routing_enabled": True,
    "default_tier": "standard",
    "model_tiers": {
        "standard": {
            "models": [
                {"provider": "openai", "name": "ill", "healthy": False, "supports": ["tools"]},
                {"provider": "openai", "name": "small", "context_window": 1000, "supports": ["tools"]},
                {"provider": "openai", "name": "large", "context_window": 100_000, "supports": ["tools", "vision"]},
            ]
        }
    },
}


@dataclass
class Answer:
    """What the server says next to a path, instead of what it would say."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass
class Fake:
    """The state of one server. `bodies` are the records by id, `posts` how many arrived per path."""

    port: int = 0
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeats: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    next: dict[str, list[Answer]] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(CONFIG)))
    decision: dict[str, Any] = field(default_factory=dict)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def records(self) -> list[dict[str, Any]]:
        """All records and outcomes, in the order they came."""
        return list(self.bodies.values())

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        """The answer to a request."""
        with self.lock:
            self.asked.append((method, path, body))
            plain = path.partition("?")[0]
            if self.next.get(plain):
                return self.next[plain].pop(0)
            if headers.get("authorization") != f"Bearer {KEY}":
                return Answer(401, {"detail": "This key is unknown, revoked or expired."})
            return self._usual(method, plain, headers, body)

    def _usual(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        if path in ("/api/usage", "/api/outcomes"):
            return self._take(body.get("records") or body["outcomes"])
        if path == "/api/routing/config":
            etag = f'"{self.config["version"]}"'
            return Answer(304 if headers.get("if-none-match") == etag else 200, self.config, {"ETag": etag})
        if path == "/api/routing/decisions":
            usual = {"action": "route", "model": {"provider": "openai", "name": "small"}, "ttl_s": 300, "sticky": True}
            return Answer(201, {"id": body["id"], "fallbacks": [], "reason_code": "cheapest", **usual, **self.decision})
        if path == "/api/budgets/status":
            return Answer(200, {"results": self.budgets})
        if path == "/api/reservations":
            told = {"id": body["id"], "amount_usd": body["amount_usd"], "expires_at": "2026-12-01T00:00:00Z"}
            return Answer(201, told)
        return Answer(200, {}) if path.startswith("/api/reservations/") else Answer(404, {"detail": path})

    def _take(self, items: list[dict[str, Any]]) -> Answer:
        counts = {"accepted": 0, "duplicates": 0, "conflicts": 0, "rejected": 0}
        results = []
        for index, item in enumerate(items):
            if item.get("input_tokens", 0) < 0:
                counts["rejected"] += 1
                error = {"path": "input_tokens", "code": "negative", "message": "It cannot be below 0."}
                results.append({"index": index, "id": item["id"], "status": "rejected", "errors": [error]})
            elif (known := self.bodies.setdefault(item["id"], item)) is item:
                counts["accepted"] += 1
            else:
                self.repeats.append(item["id"])
                status = "duplicate" if known == item else "conflict"
                counts[f"{status}s"] += 1
                results.append({"index": index, "id": item["id"], "status": status, "errors": []})
        return Answer(200, {**counts, "results": results, "budgets": self.budgets})


class Server(ThreadingHTTPServer):
    """Threads end with the process; a stopped server refuses connections at once."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are what these tests are about."""


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """Run the server for the block, on the port it had before, if it had one."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            self._say(json.loads(raw) if raw else None)

        def do_GET(self) -> None:
            self._say(None)

        def _say(self, body: Any) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = fake.answer(self.command, self.path, headers, body)
            if answer.delay:
                stop.wait(answer.delay)
            content = b"" if answer.status == 304 else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if stop.is_set():
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = Server(("127.0.0.1", fake.port), Handler)
    fake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
