"""gunicorn's worker as this product runs it."""

from itertools import pairwise

import pytest
from gunicorn.workers.gthread import ThreadWorker

from controlplane.gunicorn_worker import Worker


def test_the_master_hears_twice_a_second_however_much_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    now = 1000.0
    worker = Worker.__new__(Worker)
    monkeypatch.setattr(ThreadWorker, "notify", lambda self: heard.append(now))
    monkeypatch.setattr("controlplane.gunicorn_worker.time.monotonic", lambda: now)
    for _ in range(300):
        worker.notify()
        now += 0.01
    assert len(heard) == 6
    assert all(0.5 <= late - early < 0.52 for early, late in pairwise(heard))
