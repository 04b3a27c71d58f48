import io
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.launch import supervisor as module
from controlplane.launch.console import Console
from controlplane.launch.leftovers import living, stop
from controlplane.launch.supervisor import Service, ServiceFailed, StopRequested, Supervisor
from tests.launch.conftest import eventually, is_running

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def manager(output: io.StringIO, tmp_path: Path) -> Iterator[Supervisor]:
    before = {number: signal.getsignal(number) for number in module.STOP_SIGNALS}
    manager = Supervisor(Console(output), tmp_path / "processes.json")
    manager.listen_for_signals()
    yield manager
    manager.stop()
    for number, handler in before.items():
        signal.signal(number, handler)


def python(name: str, code: str, stage: int = 1) -> Service:
    return Service(name, [sys.executable, "-c", code], dict(os.environ), stage)


def test_it_shows_every_line_under_its_service_but_the_routine_ones(manager: Supervisor, output: io.StringIO) -> None:
    service = python("web", "import time; print('a\\n\\nroutine\\nb', flush=True); time.sleep(60)")
    manager.start(Service(service.name, service.command, service.environment, routine=re.compile("routine")))

    assert eventually(lambda: output.getvalue().endswith("web      | b\n"), 5)
    assert output.getvalue() == "web      | a\nweb      | b\n"


def test_a_service_that_dies_is_started_again(manager: Supervisor, output: io.StringIO) -> None:
    manager.start(python("web", SLEEP))
    (first, _, _) = living(manager._record)[0]

    os.kill(first, signal.SIGKILL)
    manager.wait(lambda: [g for g, _, _ in living(manager._record)] not in ([], [first]), 10, "the restart")

    assert "web has died (signal SIGKILL); starting it again" in output.getvalue()
    assert not is_running(first)


def test_a_service_that_dies_again_and_again_is_given_up(manager: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTARTS", 2)
    manager.start(python("web", "print('FATAL:  disk full'); print('terminating'); raise SystemExit(3)"))

    why = "web died 3 times within a minute, last with exit code 3. It said: FATAL:  disk full"
    with pytest.raises(ServiceFailed, match=f"^{re.escape(why)}$"):
        manager.wait(lambda: False, 20, "nothing")


def test_a_signal_asks_for_the_end_and_nothing_is_left(manager: Supervisor, tmp_path: Path) -> None:
    manager.start(python("postgres", SLEEP, stage=0))
    manager.start(python("web", SLEEP))
    groups = [group for group, _, _ in living(tmp_path / "processes.json")]
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()

    with pytest.raises(StopRequested):
        manager.run()
    manager.stop()

    assert len(groups) == 2
    assert [group for group in groups if is_running(group)] == []
    assert not (tmp_path / "processes.json").exists()


def test_services_stop_before_those_they_need(manager: Supervisor, output: io.StringIO) -> None:
    tell = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye', flush=True)));"
    manager.start(python("postgres", f"{tell} print('up', flush=True); time.sleep(60)", stage=0))
    manager.start(python("web", f"{tell} print('up', flush=True); time.sleep(60)"))
    assert eventually(lambda: output.getvalue().count("up") == 2, 5)

    manager.stop()

    assert output.getvalue().splitlines()[-2:] == ["web      | bye", "postgres | bye"]


def test_a_service_that_does_not_stop_is_killed(
    manager: Supervisor, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    manager.start(python("web", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"))
    assert eventually(lambda: "up" in output.getvalue(), 5)

    manager.stop()

    assert "web does not stop; killing it" in output.getvalue()


def test_a_failed_step_and_a_slow_one_end_the_start(manager: Supervisor) -> None:
    with pytest.raises(ServiceFailed, match="exit code 4"):
        manager.step([sys.executable, "-c", "raise SystemExit(4)"], dict(os.environ), 10)
    started = time.monotonic()
    with pytest.raises(ServiceFailed, match="not ready after 0 s"):
        manager.step([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ), 0.3)
    assert time.monotonic() - started < 5


def test_the_next_start_stops_what_the_record_names_and_no_stranger(tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    manager = Supervisor(Console(io.StringIO()), record)
    manager.start(python("web", SLEEP))
    left = living(record)
    stranger = record.read_text().replace(record.read_text().split(", ")[-1], "1.0]]")

    assert [(number, stage) for _, number, stage in left] == [(signal.SIGTERM, 1)]
    record.write_text(stranger)
    assert living(record) == []
    collecting = threading.Thread(target=manager._running["web"].process.wait)
    collecting.start()
    stop(left)
    collecting.join(5)
    assert not is_running(left[0][0])
    manager.stop()
