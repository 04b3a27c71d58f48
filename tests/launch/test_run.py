"""`make run` as a person meets it: real processes, a real database, and a kill."""

import contextlib
import json
import os
import queue
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from controlplane.launch.postgres import private_postgres
from controlplane.launch.probe import answers
from tests.house import ROOT
from tests.launch.conftest import eventually, is_running

START_SECONDS = 120
SET_BY_TESTS = ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE")


class Manager:
    """A process manager in a folder of its own."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.port = free_port()
        inherited = {n: v for n, v in os.environ.items() if n not in SET_BY_TESTS and not n.startswith("BURSAR_")}
        settings = {"BURSAR_VAR_DIR": str(var), "BURSAR_PORT": str(self.port), "BURSAR_WEB_WORKERS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controlplane.launch"],
            cwd=ROOT,
            env={**inherited, **settings, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._arriving: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arriving.put(line.rstrip())
        self._arriving.put(None)

    def wait_for(self, text: str) -> None:
        """Read its output until a line contains the text."""
        deadline = time.monotonic() + START_SECONDS
        while not any(text in line for line in self.lines):
            line = self._arriving.get(timeout=max(deadline - time.monotonic(), 0.1))
            assert line is not None, "\n".join(self.lines)
            self.lines.append(line)

    def family(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)

    def close(self) -> None:
        """After a failure: end it and read the rest, so that nothing stays open."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
            self.process.kill()
            self.process.wait(10)
        assert self.process.stdout is not None
        self._arriving.put(None)
        while self._arriving.get(timeout=10) is not None:
            continue
        self.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def managers() -> Iterator[list[Manager]]:
    started: list[Manager] = []
    yield started
    for manager in started:
        manager.close()


def modes(*paths: Path) -> dict[Path, int]:
    """The permissions of these folders and of all above them."""
    folders = {folder for path in paths for folder in (path, *path.parents) if folder.exists()}
    return {folder: folder.stat().st_mode for folder in folders}


def send(command: str) -> dict[str, object]:
    """Do what the printed curl command does; curl itself may not be installed."""
    _, _, address, _, authorization, _, content_type, _, body = shlex.split(command)
    headers = dict(header.split(": ", 1) for header in (authorization, content_type))
    request = urllib.request.Request(address, data=body.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        answer: dict[str, object] = json.load(response)
        return answer


def accepted(command: str) -> bool:
    """Whether the call is accepted now; while the database is away the answer is 503."""
    with contextlib.suppress(urllib.error.HTTPError):
        return send(command)["accepted"] == 1
    return False


def test_a_first_start_a_first_call_a_kill_and_a_second_start(var: Path, managers: list[Manager]) -> None:
    before = modes(var.parent, ROOT, Path("/var/lib"))
    first = Manager(var)
    managers.append(first)
    first.wait_for("Stop with Ctrl-C")
    (curl,) = [line for line in first.lines if "curl " in line]

    answer = send(curl)
    family = first.family()
    first.process.kill()
    all_ended = eventually(lambda: not any(map(is_running, family)), 10)

    assert (answer["accepted"], answer["unpriced"], answer["cost_usd"]) == (1, 0, "0.00096")
    assert len(family) >= 10
    assert all_ended

    second = Manager(var)
    managers.append(second)
    second.wait_for("Stop with Ctrl-C")
    curl = curl.replace(f":{first.port}/", f":{second.port}/")
    again = send(curl)
    (database,) = [child for child in psutil.Process(second.process.pid).children() if child.name() == "postgres"]
    database.kill()
    second.wait_for("postgres has died (signal SIGKILL); starting it again")
    recovered = eventually(lambda: accepted(curl), 30)
    family = second.family()
    code = second.stop(signal.SIGINT)

    assert again["accepted"] == 1
    assert recovered
    assert not re.search("password  |bsr_", "\n".join(second.lines))
    assert code == 0
    assert [pid for pid in family if is_running(pid)] == []
    assert not (var / "processes.json").exists()
    assert modes(var.parent, ROOT, Path("/var/lib")) == before


def test_services_of_ones_own_are_used_instead_of_the_embedded(
    var: Path, tmp_path: Path, managers: list[Manager]
) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    address = str(tmp_path / "redis.sock")
    options = ["--port", "0", "--unixsocket", address, "--save", "", "--daemonize", "no", "--dir", str(tmp_path)]
    with (
        private_postgres(tmp_path / "postgres", fsync=False) as server,
        subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL) as broker,
        redis.Redis(unix_socket_path=address) as client,
    ):
        try:
            manager = Manager(var, DATABASE_URL=server.url, CELERY_BROKER_URL=f"redis+socket://{address}")
            managers.append(manager)
            manager.wait_for("Stop with Ctrl-C")
            worker_listens = eventually(lambda: client.exists("_kombu.binding.celery"), 20)
            names = [psutil.Process(pid).name() for pid in manager.family()]
            serves = answers("127.0.0.1", manager.port, ["localhost"])
            code = manager.stop(signal.SIGTERM)
        finally:
            broker.terminate()

    assert (worker_listens, serves, code) == (True, True, 0)
    assert "postgres" not in names
    assert not (var / "broker").exists()
    assert "DATABASE_URL" not in (var / "services.env").read_text()
