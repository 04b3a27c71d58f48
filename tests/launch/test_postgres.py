import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from controlplane.launch.cluster import LONGEST_SOCKET_PATH, PORT, Cluster
from controlplane.launch.places import Account, LaunchError, database_account
from controlplane.launch.postgres import COMPLETE, _remove_abandoned, private_postgres
from controlplane.launch.programs import installed_programs
from tests.house import ROOT
from tests.launch.conftest import eventually, is_running

OWNER = """
import sys, time
from pathlib import Path
from controlplane.launch.postgres import _remove_abandoned, private_postgres
with private_postgres(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def modes_up_from(path: Path) -> dict[Path, int]:
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in (path, *path.parents) if folder.exists()}


def test_a_private_server_keeps_its_data_through_a_kill_and_leaves_nothing(tmp_path: Path) -> None:
    watched = [tmp_path, Path("/var/lib"), installed_programs()]
    before = [modes_up_from(path) for path in watched]

    with private_postgres(tmp_path) as server:
        first = server.pid
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
            fsync = connection.execute("SHOW fsync").fetchone()
        server.kill9()
        server.restart()
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT n FROM kept").fetchone()
        folder = Path(server.socket_folder).parent
        second = server.pid

    assert (fsync, row) == (("on",), (7,))
    assert second != first
    assert not is_running(second)
    assert not folder.exists()
    assert [modes_up_from(path) for path in watched] == before


def test_data_that_are_kept_are_used_again_once_they_are_whole(tmp_path: Path) -> None:
    found = []
    for is_whole in (False, True, True):
        with (
            private_postgres(tmp_path, fsync=False, keep=True) as server,
            psycopg.connect(server.url, autocommit=True) as connection,
        ):
            connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
            connection.execute("INSERT INTO kept DEFAULT VALUES")
            found.append(connection.execute("SELECT count(*) FROM kept").fetchone())
            folder = Path(server.socket_folder).parent
        if is_whole:
            (tmp_path / COMPLETE).touch()
    (tmp_path / COMPLETE).unlink()
    shutil.rmtree(folder)

    assert found == [(1,), (1,), (2,)]


def test_what_a_killed_owner_left_behind_is_deleted_a_day_later(tmp_path: Path) -> None:
    old, new = tmp_path / "private-old", tmp_path / "private-new"
    for folder, age in ((old, 86500), (new, 86300)):
        (folder / "data").mkdir(parents=True)
        os.utime(folder, (time.time() - age, time.time() - age))

    _remove_abandoned(tmp_path)

    assert (old.exists(), new.exists()) == (False, True)


def test_nobody_else_can_reach_it(tmp_path: Path) -> None:
    with private_postgres(tmp_path, fsync=False) as server:
        process = psutil.Process(server.pid)
        listening = [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        socket_folder = Path(server.socket_folder)
        modes = {stat.S_IMODE(folder.stat().st_mode) for folder in (socket_folder, socket_folder.parent)}
        owner = process.uids().real

    assert listening == []
    assert modes == {0o700}
    assert owner != 0


@as_root
def test_another_user_of_the_machine_is_refused(tmp_path: Path) -> None:
    try_it = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with private_postgres(tmp_path, fsync=False) as server:
        address = f"{server.socket_folder}/.s.PGSQL.{PORT}"
        command = ["/usr/bin/env", "python3", "-c", try_it, address]
        allowed = subprocess.run(command, capture_output=True, text=True, timeout=20)
        if not Path("/usr/bin/python3").exists():
            pytest.skip("needs a Python that every user can run")
        command[:2] = ["/usr/bin/python3"]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd="/", user="nobody")

    assert allowed.returncode == 0
    assert "PermissionError" in refused.stderr


def test_it_dies_with_a_killed_owner(tmp_path: Path, var: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "pg")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        assert is_running(server)
        owner.send_signal(signal.SIGKILL)

    assert eventually(lambda: not is_running(server), 10)


def test_a_lock_file_whose_number_belongs_to_a_stranger_does_not_stop_a_start(tmp_path: Path) -> None:
    with private_postgres(tmp_path, fsync=False) as server:
        lock = Path(server.socket_folder).parent / "data" / "postmaster.pid"
        written = lock.read_text().split("\n")
        server.kill9()
        lock.write_text("\n".join([str(os.getppid()), *written[1:]]))

        server.start()

        assert server.pid != os.getppid()


def cluster_in(folder: Path) -> Cluster:
    return Cluster(folder, Account(os.geteuid(), os.getegid(), is_other=False), installed_programs())


def test_a_socket_path_that_is_too_long_moves_to_a_short_private_folder(tmp_path: Path) -> None:
    short, long = cluster_in(Path("/a")), cluster_in(tmp_path / ("x" * 100))

    assert short.socket_folder == Path("/a/socket")
    assert len(str(long.socket_folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH
    assert long.socket_folder != cluster_in(tmp_path / ("y" * 100)).socket_folder


def test_data_of_another_major_version_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(LaunchError, match="made by PostgreSQL 16, this is 18"):
        cluster_in(tmp_path).create()


def test_the_account_is_never_root() -> None:
    assert database_account().uid != 0


def test_the_address_is_understood_by_libpq_and_by_the_settings(tmp_path: Path) -> None:
    import environ

    url = cluster_in(tmp_path / "a b").url()

    assert psycopg.conninfo.conninfo_to_dict(url)["host"] == str(tmp_path / "a b" / "socket")
    assert environ.Env.db_url_config(url)["OPTIONS"] == {"host": str(tmp_path / "a b" / "socket")}
    assert socket.AF_UNIX
