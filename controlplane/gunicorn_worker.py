"""gunicorn's threaded worker: its errors have our shape, it lets go of the port soon after its master died, and it
shares the connections with the others.
"""

import json
import mmap
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

NOTIFY_SECONDS = 0.5
HESITATION_SECONDS = 0.0005


class Board:
    """How many connections each worker has, in memory that the master shares with all of them."""

    GONE = 0xFFFF
    SLOTS = 256

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 2 * self.SLOTS)).cast("H")
        for slot in range(self.SLOTS):
            self._counts[slot] = self.GONE

    def tell(self, age: int, connections: int) -> None:
        """A worker has so many."""
        self._counts[age % self.SLOTS] = min(connections, self.GONE - 1)

    def leave(self, age: int) -> None:
        """A worker takes no more, or is gone."""
        self._counts[age % self.SLOTS] = self.GONE

    def has_fewer(self, connections: int) -> bool:
        """Whether any worker has fewer than this."""
        return min(self._counts) < connections


board = Board()


class Worker(ThreadWorker):  # type: ignore[misc]
    """Stops as it does when told to, once its master is gone.

    Without this an orphan keeps serving connections that are busy, and with them the port that a new master needs,
    until `graceful_timeout`; new connections wait as long, since nobody accepts them.

    Agents keep connections, and a connection stays with the worker that accepted it: of four at once, two workers had
    two each in one of three tries only. So a worker lets another that has fewer be quicker, and takes what is left.
    """

    notified = 0.0
    _connections = 0
    _accepting = False

    @property
    def nr_conns(self) -> int:
        """How many connections it has; gunicorn counts them in its main thread."""
        return self._connections

    @nr_conns.setter
    def nr_conns(self, connections: int) -> None:
        self._connections = connections
        if self._accepting:
            board.tell(self.age, connections)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Others are told how many connections a worker has while it accepts more."""
        super().set_accept_enabled(enabled)
        if enabled:
            board.tell(self.age, self._connections)
        else:
            board.leave(self.age)

    def accept(self, listener: Any) -> None:
        """Accept a connection, if no worker with fewer was quicker."""
        if board.has_fewer(self._connections):
            time.sleep(HESITATION_SECONDS)
        super().accept(listener)

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
