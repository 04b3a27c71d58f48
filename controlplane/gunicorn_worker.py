"""gunicorn's threaded worker, which lets go of the port soon after its master was killed."""

import time

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
