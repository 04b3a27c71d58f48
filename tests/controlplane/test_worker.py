"""gunicorn's worker as this product runs it."""

import os
from itertools import pairwise

import pytest
from gunicorn.workers.gthread import ThreadWorker

from controlplane.gunicorn_worker import Board, Worker


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


def test_who_has_more_connections_lets_others_be_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("controlplane.gunicorn_worker.board", board := Board())
    monkeypatch.setattr("controlplane.gunicorn_worker.time.sleep", slept.append)
    monkeypatch.setattr(ThreadWorker, "accept", lambda self, _: setattr(self, "nr_conns", self.nr_conns + 1))
    monkeypatch.setattr(ThreadWorker, "set_accept_enabled", lambda self, enabled: setattr(self, "_accepting", enabled))
    first, second = Worker.__new__(Worker), Worker.__new__(Worker)
    first.age, second.age = 1, 2
    waits = []
    for worker, act in [
        (first, "begin"), (first, "accept"), (first, "accept"), (second, "begin"), (first, "accept"),
        (second, "accept"), (second, "end"), (first, "accept"), (second, "begin"), (first, "accept"), (first, "gone"),
        (second, "accept"), (second, "accept"),
    ]:  # fmt: skip
        before = len(slept)
        if act == "accept":
            worker.accept(None)
        elif act == "gone":
            board.leave(worker.age)
        else:
            worker.set_accept_enabled(act == "begin")
        waits.append(len(slept) - before)
    assert waits == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]
    assert (first.nr_conns, second.nr_conns) == (5, 3)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of Python 3.12: other threads run
def test_every_worker_sees_the_same_board() -> None:
    board = Board()
    if not (child := os.fork()):
        board.tell(7, 3)
        os._exit(0)
    os.waitpid(child, 0)
    assert board.has_fewer(4)
    assert not board.has_fewer(3)
