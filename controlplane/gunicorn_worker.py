"""gunicorn's threaded worker, which lets go of the port soon after its master was killed."""

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]
    """Stops as it does when told to, once its master is gone.

    Without this an orphan keeps serving connections that are busy, and with them the port that a new master needs,
    until `graceful_timeout`; new connections wait as long, since nobody accepts them.
    """

    def is_parent_alive(self) -> bool:
        """Whether the master lives; if not, connections are closed after the answer under way."""
        if super().is_parent_alive():
            return True
        self.alive = False
        return False
