"""gunicorn's threaded worker: its errors have our shape, and it lets go of the port soon after its master died."""

import json
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

NOTIFY_SECONDS = 0.5


class Worker(ThreadWorker):  # type: ignore[misc]
    """Stops as it does when told to, once its master is gone.

    Without this an orphan keeps serving connections that are busy, and with them the port that a new master needs,
    until `graceful_timeout`; new connections wait as long, since nobody accepts them.
    """

    notified = 0.0

    def is_parent_alive(self) -> bool:
        """Whether the master lives; if not, connections are closed after the answer under way."""
        if super().is_parent_alive():
            return True
        self.alive = False
        return False

    def notify(self) -> None:
        """Tell the master that this worker lives, twice a second at most, instead of at every event.

        Each time the main thread would lend the interpreter to a request and wait to have it back.
        """
        now = time.monotonic()
        if now - self.notified >= NOTIFY_SECONDS:
            self.notified = now
            super().notify()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers what cannot be read as a request, as one whose first line is too long, in the words of RFC 9457."""
        super().handle_error(req, _Problem(client), addr, exc)


class _Problem:
    """A connection on which gunicorn writes its page of an error: the other side is sent a problem instead."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def sendall(self, page: bytes) -> None:
        """Keeps the page's status alone."""
        _, status, title = page.partition(b"\r\n")[0].decode("latin1").split(" ", 2)
        self._client.sendall(_problem(int(status), title))


def _problem(status: int, title: str) -> bytes:
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": "The request cannot be read." if status < 500 else "Something failed on our side.",
        "request_id": "",
        "errors": [],
    }
    body = json.dumps(problem).encode()
    head = (
        f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin1") + body
