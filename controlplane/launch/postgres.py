"""Private PostgreSQL servers, for tests that need one of their own."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from controlplane.launch.cluster import STOP_SECONDS, Cluster
from controlplane.launch.places import database_account, database_home, short_hash, var_dir
from controlplane.launch.programs import usable_programs
from controlplane.launch.watchdog import Watchdog

READY_SECONDS = 60.0
RECOVERY_SECONDS = 600.0
"""What data that were kept may need when their last owner was killed."""
ABANDONED_SECONDS = 86400.0


class PrivateServer:
    """A server of its own in a folder of its own, for tests that kill and restart it."""

    def __init__(self, cluster: Cluster, log: Path) -> None:
        self._cluster = cluster
        self._log = log
        self._watchdog = Watchdog()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its database, usable as DATABASE_URL."""
        return self._cluster.url()

    @property
    def socket_folder(self) -> str:
        """The host to connect to: the folder of its unix socket."""
        return str(self._cluster.socket_folder)

    @property
    def pid(self) -> int:
        """The server's first process. Raises RuntimeError while it is stopped."""
        if self._process is None:
            raise RuntimeError("the server is stopped")
        return self._process.pid

    def start(self, seconds: float = READY_SECONDS) -> None:
        """Start it and wait until it answers.

        Raises TimeoutError after `seconds`, RuntimeError when it ends instead.
        """
        self._cluster.stop_leftover()
        process = self._spawn()
        deadline = time.monotonic() + seconds
        while not self._cluster.is_ready():
            if process.poll() is not None:
                self._forget()
                raise RuntimeError(f"PostgreSQL ended: {self._log.read_text()[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL is not ready after {seconds} s: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        self._cluster.ensure_database()

    def stop(self) -> None:
        """Fast shutdown; at once when that takes too long."""
        if self._process is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=STOP_SECONDS)
                break
        self._forget()

    def kill9(self) -> None:
        """SIGKILL to the first process: the crash that recovery is for."""
        if self._process is None:
            raise RuntimeError("the server is stopped")
        self._process.kill()
        self._process.wait(timeout=STOP_SECONDS)
        self._forget()

    def restart(self, seconds: float = READY_SECONDS) -> None:
        """Stop it if it runs, then start it."""
        self.stop()
        self.start(seconds)

    def close(self) -> None:
        """Stop it and end the watch over it."""
        self.stop()
        self._watchdog.close()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        options = self._cluster.account.popen_options()
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self._cluster.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )
        self._watchdog.watch(process.pid, signal.SIGINT, 0)
        self._process = process
        return process

    def _forget(self) -> None:
        if self._process is not None:
            self._watchdog.forget(self._process.pid)
            self._process = None


COMPLETE = "complete"
"""The file that says of data which are kept that they are whole."""


@contextlib.contextmanager
def private_postgres(
    directory: Path, *, fsync: bool = True, settings: Mapping[str, str] | None = None, keep: bool = False
) -> Iterator[PrivateServer]:
    """Run a private server for as long as the block lasts; its data are deleted afterwards.

    With `keep` they stay, and are used again if a file COMPLETE lies in `directory`, where who makes the data puts it.

    The files live in `directory`, or as root, when its account could not reach them there, under /var/lib/bursar.
    `settings` are PostgreSQL's own, in addition. The server dies with this process, even when that is killed.
    """
    account = database_account()
    home = database_home(var_dir())
    directory.mkdir(parents=True, exist_ok=True)
    kind, near = ("kept", home.parent) if keep else ("private", home)  # what is kept is found from any checkout
    folder = (near if account.is_other else directory) / f"{kind}-{short_hash(directory)}"
    _remove_abandoned(folder.parent)
    durability = {} if fsync else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    cluster = Cluster(folder, account, usable_programs(home, account), {**durability, **(settings or {})})
    cluster.stop_leftover()
    if not (keep and (directory / COMPLETE).exists()):
        cluster.remove()
    cluster.create(sync=fsync)
    server = PrivateServer(cluster, directory / "postgres.log")
    try:
        server.start(RECOVERY_SECONDS if keep else READY_SECONDS)
        yield server
    finally:
        server.close()
        if not keep:
            cluster.remove()


def _remove_abandoned(home: Path) -> None:
    """Delete the data of servers whose owners were killed; no private server lives for a day."""
    for folder in home.glob("private-*"):
        if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
