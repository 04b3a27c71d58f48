"""`python -m controlplane.launch.copies`: copies of everything the embedded PostgreSQL holds, and the way back.

    save [FILE]     while Bursar runs, or while it does not; a file that is there already is not written over
    restore FILE    while it does not run; what was there before is kept beside
    undo            puts back what the last restore replaced; once more, and the restore stands again

Names change places in one transaction, so that whatever ends it, there is one whole database.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from controlplane.launch.cluster import DATABASE, Cluster
from controlplane.launch.console import Console
from controlplane.launch.embedded import embedded_cluster, postgres_environment, start_database
from controlplane.launch.environment_files import read_environment
from controlplane.launch.leftovers import living, only_one, stop
from controlplane.launch.places import BASE_DIR, LaunchError, make_folder, var_dir
from controlplane.launch.supervisor import ServiceFailed, StopRequested, Supervisor

NEW, REPLACED, ASIDE = f"{DATABASE}_restored", f"{DATABASE}_replaced", f"{DATABASE}_aside"
RENAME_TRIES = 20
HINT = "Copy and restore it with its own pg_dump and pg_restore."


def main(arguments: list[str]) -> int:
    """Do what is asked for. Returns the exit code: 0 when it was done, 1 when nothing was changed."""
    console, asked, var = Console(), _parsed(arguments), var_dir()
    try:
        make_folder(var)
        read_environment(var)
        if "DATABASE_URL" in os.environ:
            raise LaunchError(f"DATABASE_URL names a PostgreSQL of your own. {HINT}")
        cluster = embedded_cluster(var)
        if not cluster.exists() and asked.what != "restore":
            raise LaunchError("there is no database yet; `make run` makes one.")
        if asked.what == "save" and cluster.is_ready():
            save(console, cluster, asked.file)
            return 0
        with only_one(var / "manager.lock"), _running(console, cluster, var / "processes.json"):
            if asked.what == "save":
                save(console, cluster, asked.file)
            elif asked.what == "restore":
                restore(console, cluster, asked.file)
            else:
                undo(console, cluster)
    except (LaunchError, ServiceFailed) as error:
        console.line(f"Nothing was changed: {error}")
        return 1
    except psycopg.Error as error:  # as when the disk is full
        console.line(f"Nothing was changed: PostgreSQL says {' '.join(str(error).split())}")
        return 1
    except (StopRequested, KeyboardInterrupt):
        console.line("Stopped; nothing was changed.")
        return 1
    return 0


def save(console: Console, cluster: Cluster, file: Path) -> None:
    """Write everything into a file that only we can read; it gets its name when it is whole. Raises LaunchError."""
    if file.exists():
        raise LaunchError(f"{file} is there already.")
    unfinished = file.with_name(f"{file.name}.part")
    with console.step(f"Copying everything to {file}"):
        try:
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600)
            _run(cluster, "pg_dump", "--format", "custom", "--file", str(unfinished), cluster.url())
            unfinished.replace(file)
        except OSError as error:
            raise LaunchError(f"{file} cannot be written ({error.strerror}).") from error
        finally:
            unfinished.unlink(missing_ok=True)
    console.line("Keep it elsewhere, with var/local.env, which has the key that sessions and links are signed with.")


def restore(console: Console, cluster: Cluster, file: Path) -> None:
    """Put what a file holds in the place of what is here, which is kept. Raises LaunchError without any change."""
    if not file.is_file():
        raise LaunchError(f"{file} is no file.")
    with _administering(cluster) as admin:
        _drop(admin, NEW)
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(NEW)))
        try:
            with console.step(f"Reading {file}"):
                options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
                _run(cluster, "pg_restore", *options, "--dbname", cluster.url(NEW), str(file))
                _made_ready(cluster, NEW)
        except BaseException:
            _drop(admin, NEW)
            raise
        old, new = _told(cluster, DATABASE), _told(cluster, NEW)
        _drop(admin, REPLACED)
        _rename(admin, (DATABASE, REPLACED), (NEW, DATABASE))
    console.line(f"Restored: {new}, in the place of {old}, kept until the next restore.")
    console.line("`make run` starts with them; `make restore-undo` puts back what was there.")


def undo(console: Console, cluster: Cluster) -> None:
    """Let what the last restore replaced and what is here change places. Raises LaunchError without a restore."""
    with _administering(cluster) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [REPLACED]).fetchone() is None:
            raise LaunchError("no restore has replaced anything.")
        here, there = _told(cluster, DATABASE), _told(cluster, REPLACED)
        _rename(admin, (DATABASE, ASIDE), (REPLACED, DATABASE), (ASIDE, REPLACED))
    console.line(f"Put back: {there}. Once more, and {here} stand again.")


@contextlib.contextmanager
def _running(console: Console, cluster: Cluster, record: Path) -> Iterator[None]:
    """The database alone, for as long as the block lasts."""
    left, supervisor = living(record), Supervisor(console, record)
    supervisor.listen_for_signals()
    try:
        stop(left)
        start_database(console, supervisor, cluster)
        yield
    finally:
        supervisor.stop()


@contextlib.contextmanager
def _administering(cluster: Cluster) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.url("postgres"), autocommit=True, connect_timeout=5) as connection:
        yield connection


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _rename(admin: psycopg.Connection, *names: tuple[str, str]) -> None:
    """All of them, or none. Whoever still is in one of them, as autovacuum may be, has to leave. Raises LaunchError."""
    for _ in range(RENAME_TRIES):
        with contextlib.suppress(psycopg.errors.ObjectInUse), admin.transaction():
            for old, new in names:
                admin.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(old), Identifier(new)))
            return
        admin.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = ANY(%s)",
            [[old for old, _ in names]],
        )
    raise LaunchError("somebody keeps using the database.")


def _told(cluster: Cluster, name: str) -> str:
    """What a database holds, in words."""
    with psycopg.connect(cluster.url(name), connect_timeout=5) as connection:
        if not _is_bursars(connection):
            return "an empty database"
        row = connection.execute("SELECT count(*), max(occurred_at) FROM costs_usagerecord").fetchone()
    count, newest = row or (0, None)
    return f"{count:,} records" + (f" up to {newest:%Y-%m-%d %H:%M} UTC" if newest else "")


def _is_bursars(connection: psycopg.Connection) -> bool:
    found = connection.execute("SELECT to_regclass('django_migrations'), to_regclass('costs_usagerecord')").fetchone()
    return found is not None and None not in found


def _made_ready(cluster: Cluster, name: str) -> None:
    """Look through what was restored. Raises LaunchError when it is nothing of Bursar, or of a later version."""
    with psycopg.connect(cluster.url(name), autocommit=True, connect_timeout=5) as connection:
        if not _is_bursars(connection):
            raise LaunchError("it is no copy of Bursar.")
        for app, migration in connection.execute("SELECT app, name FROM django_migrations").fetchall():
            folder = next((found for found in _migration_folders() if found.parent.name == app), None)
            if folder is not None and not (folder / f"{migration}.py").exists():
                raise LaunchError(f"a later version of Bursar made it, which has {app} {migration}: update first.")
        connection.execute("ANALYZE")  # a copy has no statistics, without which the first pages would be slow


def _migration_folders() -> list[Path]:
    return [*BASE_DIR.glob("apps/*/migrations"), BASE_DIR / "controlplane" / "migrations"]


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs. Raises LaunchError with the last it said when it fails."""
    command = [str(cluster.programs / program), *arguments]
    done = subprocess.run(command, env=postgres_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines() or ["?"]
        raise LaunchError(f"{program} says {said[0].partition('error: ')[2] or said[0]}.")


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="copies", description="Copies of the database, and the way back.")
    ways = parser.add_subparsers(dest="what", required=True)
    name = f"bursar-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    ways.add_parser("save").add_argument("file", nargs="?", type=_path, default=_path(name))
    ways.add_parser("restore").add_argument("file", type=_path)
    ways.add_parser("undo")
    return parser.parse_args(arguments)


def _path(text: str) -> Path:
    return Path(text).absolute()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
