"""Where an installation keeps its files, and the account its database runs under."""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent.parent
SYSTEM_HOME = Path("/var/lib/bursar")
SYSTEM_USER = "bursar"
COMMAND_SECONDS = 60


class LaunchError(Exception):
    """Something a person has to put right; the text says what and how."""


@dataclass(frozen=True)
class Account:
    """The account PostgreSQL runs under: ours, or the system user when we are root, which it refuses."""

    uid: int
    gid: int
    is_other: bool

    def popen_options(self) -> dict[str, Any]:
        """Arguments for subprocess that switch to this account; its working folder is one every account may enter."""
        if not self.is_other:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def private_folder(self, path: Path) -> Path:
        """Make `path` a folder that only this account (and root) can enter.

        Raises LaunchError when somebody else was there first: in a shared folder that may be a trap.
        """
        try:
            path.mkdir(mode=0o700)
        except FileExistsError as error:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (self.uid, os.geteuid()):
                raise LaunchError(f"{path} belongs to somebody else; remove it and start again.") from error
        if self.is_other:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)
        return path


def var_dir() -> Path:
    """The folder for everything that running writes: BURSAR_VAR_DIR, or `var` in the checkout."""
    return Path(os.environ.get("BURSAR_VAR_DIR") or BASE_DIR / "var").resolve()


def make_folder(var: Path) -> None:
    """Make the folder for everything that running writes. Raises LaunchError naming the setting when that fails."""
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(f"{var} cannot be made ({error.strerror}); set BURSAR_VAR_DIR to another place.") from error


def short_hash(path: Path) -> str:
    """Twelve hex digits that tell one folder from another."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def database_home(var: Path) -> Path:
    """The folder for PostgreSQL's files: `var` itself, or as root one under /var/lib/bursar.

    Another account must be able to reach it, and a checkout in root's home is closed to others. Modes of folders
    that were there before are never changed.
    """
    if os.geteuid() != 0:
        return var
    for folder in (SYSTEM_HOME, home := SYSTEM_HOME / short_hash(var)):
        _make_open_folder(folder)
    return home


def _make_open_folder(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(0o755)


def database_account() -> Account:
    """The account for PostgreSQL; as root the system user is made when it is missing.

    Raises LaunchError where that cannot be done.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    entry = _system_user() or _first_system_user()
    if entry.pw_uid == 0:
        raise LaunchError(f"The account {SYSTEM_USER} is root itself; PostgreSQL refuses to run as root.")
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def _system_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None


def _first_system_user() -> pwd.struct_passwd:
    """One process at a time: of two `useradd` at once, the second gives the account another number."""
    with _alone():
        return _system_user() or _make_system_user()


@contextmanager
def _alone() -> Iterator[None]:
    _make_open_folder(SYSTEM_HOME)
    folder = os.open(SYSTEM_HOME, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _make_system_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if sys.platform != "linux" or useradd is None:
        raise LaunchError("PostgreSQL refuses to run as root. Start Bursar as a normal user, or set DATABASE_URL.")
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(SYSTEM_HOME)]
    command = [useradd, *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    result = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    entry = _system_user()
    if entry is None:
        raise LaunchError(f"Could not make the system user {SYSTEM_USER}: {result.stderr.strip()}")
    return entry
