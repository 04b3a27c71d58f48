"""One cluster of the embedded PostgreSQL, in one private folder.

Nobody else on the machine can log in: it listens on a unix socket only, in a folder that only its account can enter.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from controlplane.launch.places import Account, LaunchError, short_hash
from controlplane.launch.programs import MAJOR_VERSION

ROLE = "bursar"
DATABASE = "bursar"
PORT = 5432
# sun_path holds 104 bytes on macOS, 108 on Linux, the closing zero included.
LONGEST_SOCKET_PATH = 103
INITDB_SECONDS = 120
# What the server says at every start and stop, to those who ask too early whether it is ready, and of work it puts off.
ROUTINE = re.compile(
    r"FATAL:  the database system is (starting up|not yet accepting connections)"
    r"|DETAIL:  Consistent recovery state has not been yet reached"
    r"|LOG:  request for BRIN range summarization"
    r"|LOG:  (starting PostgreSQL|listening on|database system (was shut down at|is)|received fast shutdown"
    r"|aborting any active|background worker \"logical replication launcher\"|shutting down)"
)
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Cluster:
    """One database cluster: `folder` holds its data and its socket and belongs to `account`."""

    folder: Path
    account: Account
    programs: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The data directory, mode 0700."""
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """The folder of the unix socket; a short one outside when the path would not fit into a socket address."""
        folder = self.folder / "socket"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return folder
        return Path(tempfile.gettempdir()) / f"bursar-{self.account.uid}-{short_hash(self.folder)}"

    def url(self, database: str = DATABASE) -> str:
        """The address of a database, for libpq and for DATABASE_URL alike."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_folder), safe='')}"

    def command(self) -> list[str]:
        """The command that runs the server in the foreground."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": '"' + str(self.socket_folder).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "log_checkpoints": "off",
            "log_line_prefix": "",
            "log_min_error_statement": "panic",
            "max_wal_size": "2GB",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            **self.settings,
        }
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def exists(self) -> bool:
        """Whether the data have been made already."""
        return (self.data / "PG_VERSION").exists()

    def create(self, *, sync: bool = True) -> None:
        """Make the folders and, when there is none yet, an empty cluster; a half-made one never gets its final name.

        Raises LaunchError when that fails or the data belong to another major version.
        """
        self.account.private_folder(self.folder)
        self.account.private_folder(self.socket_folder)
        if self.exists():
            self._check_version()
            return
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--no-instructions"]
        options += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        self._run("initdb", "--pgdata", str(unfinished), *options, *([] if sync else ["--no-sync"]))
        unfinished.rename(self.data)

    def stop_leftover(self) -> bool:
        """Stop what an earlier run left on these data, orphaned children included; True when there was something.

        Lock files are removed only now that nobody uses the data: after a crash their number may belong to a stranger,
        which would keep PostgreSQL from starting.
        """
        left = self._processes()
        if left:
            _stop_server(left)
        for stale in (self.data / "postmaster.pid", *self.socket_folder.glob(f".s.PGSQL.{PORT}*")):
            stale.unlink(missing_ok=True)
        return bool(left)

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, name: str = DATABASE) -> None:
        """Create the database when it is missing."""
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))

    def remove(self) -> None:
        """Delete the cluster and everything in it."""
        shutil.rmtree(self.socket_folder, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != MAJOR_VERSION:
            text = f"{self.data} was made by PostgreSQL {made_by}, this is {MAJOR_VERSION}: dump and restore it."
            raise LaunchError(text)

    def _processes(self) -> list[psutil.Process]:
        """PostgreSQL's processes on these data: each works inside the data directory."""
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error, OSError):
                if process.info["name"] == "postgres" and Path(process.cwd()) == self.data.resolve():
                    found.append(process)
        return found

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        # In a session of its own: Ctrl-C is for the manager, which stops everything in order.
        options = {"start_new_session": True, "timeout": INITDB_SECONDS, **self.account.popen_options()}
        result = subprocess.run(command, capture_output=True, text=True, **options)
        if result.returncode != 0:
            raise LaunchError(f"{program} failed: {(result.stderr or result.stdout).strip()}")


def _stop_server(processes: list[psutil.Process]) -> None:
    """Fast shutdown, then immediate, then kill: each with a deadline."""
    family = {process.pid for process in processes}
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.ppid() not in family:
                    process.send_signal(number)
        _, processes = psutil.wait_procs(processes, timeout=seconds)
        if not processes:
            return
    raise LaunchError(f"PostgreSQL (process {processes[0].pid}) does not stop.")
