"""How gunicorn serves Bursar. Every number is a setting."""

import gc
from contextlib import suppress
from pathlib import Path

from controlplane import settings
from controlplane.gunicorn_worker import Worker, board

_host = f"[{settings.WEB_HOST}]" if ":" in settings.WEB_HOST else settings.WEB_HOST
bind = f"{_host}:{settings.WEB_PORT}"
worker_class = "controlplane.gunicorn_worker.Worker"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
timeout = settings.WEB_TIMEOUT_SECONDS
graceful_timeout = settings.WEB_GRACEFUL_SECONDS
keepalive = settings.WEB_KEEPALIVE_SECONDS
accesslog = "-" if settings.WEB_ACCESS_LOG else None
loglevel = "warning"
# The most that gunicorn takes: a list of filters is long, and a cut one would be another question.
limit_request_line = 8190
proc_name = "bursar-web"
# Workers prove by touching a file that they live; on a slow disk that alone could time out.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
# The control socket would be shared by every installation of this account.
control_socket_disable = True


def child_exit(_: object, worker: Worker) -> None:
    """What was killed has no connections left that another worker could have fewer than."""
    board.leave(worker.age)


def post_worker_init(worker: object) -> None:
    """Keep what a worker has loaded out of garbage collection, and collect less often: a batch makes many objects.

    What a request leaves behind in circles is little; looking for it after every 700 new objects took a tenth of the
    time of ingest.
    """
    read_ahead()
    rehearse()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def read_ahead() -> None:
    """Load what the first requests of a worker would wait for: every page's code, and the vocabulary of decisions.

    Together 0.7 s, longer than an agent waits for a decision. A vocabulary that cannot be read is told by who needs it.
    """
    from django.urls import resolve, reverse

    from apps.costs.domain.tokens import VocabularyError, count

    resolve(reverse("healthz"))
    with suppress(VocabularyError, OSError):
        count("", "gpt-4.1")


def rehearse() -> None:
    """Make a decision that is not kept. Where the database is away or not migrated yet, requests tell."""
    from django.db import DatabaseError, InterfaceError, connection
    from django.utils import timezone

    from apps.costs.domain.tokens import VocabularyError
    from apps.routing.services.rehearsing import rehearse

    with suppress(DatabaseError, InterfaceError, VocabularyError, OSError):
        rehearse(now=timezone.now())
    connection.close()
