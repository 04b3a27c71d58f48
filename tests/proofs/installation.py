"""A whole installation for proofs that kill: its own PostgreSQL with fsync on, and web as the Procfile starts it."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from controlplane.launch.places import BASE_DIR
from controlplane.launch.postgres import PrivateServer, private_postgres
from controlplane.launch.procfile import read_procfile
from controlplane.launch.watchdog import Watchdog

PORTS = range(8300, 8400)
START_SECONDS = 90.0
PREPARE_SECONDS = 180.0
STOP_SECONDS = 20.0
# Busy connections are closed after the answer under way, so this is generous; gunicorn's own would take 30.
ORPHAN_SECONDS = 20.0


class Web:
    """gunicorn with its workers. It dies with this process, however that dies."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.environment = {**environment, "BURSAR_PORT": str(self.port)}
        self._log = log
        self._watchdog = Watchdog()
        self._masters: list[subprocess.Popen[bytes]] = []

    @property
    def pid(self) -> int:
        """The master."""
        return self._masters[-1].pid

    def start(self) -> None:
        """Start a master; when its port is still held by workers of a killed one, try again. Raises TimeoutError."""
        deadline = time.monotonic() + START_SECONDS
        master = self._spawn()
        # A master has workers only once it has the port; before, the answer may be that of an orphan.
        while not (self.workers() and self._answers()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"web does not answer: {self._log.read_text()[-2000:]}")
            if master.poll() is not None:
                master = self._spawn()
            time.sleep(0.1)

    def workers(self) -> list[int]:
        """The workers of the present master."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.pid).children()]
        return []

    def kill_worker(self, dice: random.Random) -> None:
        """SIGKILL to one worker, if there is any at this moment."""
        if workers := self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(workers), signal.SIGKILL)

    def kill_master(self) -> None:
        """SIGKILL to the master, and a new one, as a process manager would. Raises RuntimeError if orphans stay."""
        orphans = psutil.Process(self.pid).children()
        self._masters[-1].kill()
        self._masters[-1].wait(timeout=STOP_SECONDS)
        _, left = psutil.wait_procs(orphans, timeout=ORPHAN_SECONDS)
        if left:
            raise RuntimeError(f"{left} hold the port {ORPHAN_SECONDS} s after their master was killed")
        self.start()

    def troubles(self) -> list[str]:
        """Why web said that the database is away, each time."""
        lines = self._log.read_text(errors="replace").splitlines()
        return [told for line in lines if (told := line.partition("Database away: ")[2])]

    def stop(self) -> None:
        """End every process group that was started here."""
        for master in self._masters:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(_is_alive(master) for master in self._masters):
            time.sleep(0.1)
        for master in self._masters:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGKILL)
            master.wait(timeout=STOP_SECONDS)
        self._watchdog.close()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        program, *arguments = read_procfile()["web"]
        with self._log.open("ab") as log:
            master = subprocess.Popen(
                [sys.executable if program == "python" else program, *arguments],
                env=self.environment,
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watchdog.watch(master.pid, signal.SIGTERM, 1)
        self._masters.append(master)
        return master

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


class Installation:
    """A prepared database, web in front of it, and a key that may do everything."""

    def __init__(self, database: PrivateServer, web: Web, key: str) -> None:
        self.database = database
        self.web = web
        self.key = key


def free_port() -> int:
    """A port of PORTS nobody listens on. Raises RuntimeError when there is none."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RuntimeError(f"no port of {PORTS} is free")


@contextlib.contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Run an installation as long as the block lasts."""
    with private_postgres(folder / "postgres", fsync=True) as database:
        environment = _environment(database.url, folder)
        command = [sys.executable, "-m", "tests.proofs.prepare"]
        result = subprocess.run(
            command, env=environment, cwd=BASE_DIR, capture_output=True, text=True, timeout=PREPARE_SECONDS
        )
        if result.returncode:
            raise RuntimeError(result.stderr[-2000:])
        web = Web(environment, folder / "web.log")
        try:
            web.start()
            yield Installation(database, web, result.stdout.strip())
        finally:
            web.stop()


def _environment(database_url: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "DATABASE_URL": database_url,
        "SECRET_KEY": "only-for-proofs-" * 4,
        "ALLOWED_HOSTS": "127.0.0.1",
        "BURSAR_INSECURE_HTTP": "true",
        "BURSAR_READ_LOCAL_ENV": "false",
        "BURSAR_VAR_DIR": str(folder / "var"),
        "LOG_LEVEL": "WARNING",
    }


def _is_alive(master: "subprocess.Popen[bytes]") -> bool:
    master.poll()
    try:
        os.killpg(master.pid, 0)
    except ProcessLookupError:
        return False
    return True
