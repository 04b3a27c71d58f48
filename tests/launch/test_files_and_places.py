import io
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from controlplane.launch import install, places
from controlplane.launch.__main__ import check_port
from controlplane.launch.broker import prepare_broker
from controlplane.launch.console import Console
from controlplane.launch.environment_files import ensure_local_file, write_services_file
from controlplane.launch.leftovers import only_one
from controlplane.launch.places import Account, LaunchError, database_home, short_hash
from controlplane.launch.probe import allowed_name, probe_host, web_address
from controlplane.launch.procfile import command_of
from controlplane.launch.welcome import curl_command
from tests.house import ROOT


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_local_settings_are_private_random_and_written_once(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    os.umask(os.umask(0o000))

    assert ensure_local_file(tmp_path)
    assert ensure_local_file(other)
    written = (tmp_path / "local.env").read_text()
    assert not ensure_local_file(tmp_path)

    assert mode(tmp_path / "local.env") == 0o600
    assert (tmp_path / "local.env").read_text() == written
    assert written != (other / "local.env").read_text()
    assert set(written.splitlines()[2:]) == {
        "ALLOWED_HOSTS=127.0.0.1,localhost",
        "DEBUG=false",
        "BURSAR_INSECURE_HTTP=true",
    }


def test_a_broken_write_leaves_no_readable_secret(tmp_path: Path) -> None:
    (tmp_path / "services.env.new").write_text("left by a kill")
    (tmp_path / "services.env.new").chmod(0o644)

    write_services_file(tmp_path, {"BURSAR_PORT": "8080", "DATABASE_URL": "postgresql:///x"})

    assert mode(tmp_path / "services.env") == 0o600
    told = (tmp_path / "services.env").read_text().splitlines()[1:]
    assert told == ["BURSAR_PORT=8080", "DATABASE_URL=postgresql:///x"]

    write_services_file(tmp_path, {})
    assert not (tmp_path / "services.env").exists()


def test_two_first_starts_make_one_system_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`useradd` run twice at once gives the account another number after files belong to the first."""
    made: list[SimpleNamespace] = []

    def make() -> SimpleNamespace:
        time.sleep(0.05)
        made.append(SimpleNamespace(pw_uid=999 - len(made), pw_gid=999))
        return made[-1]

    monkeypatch.setattr(places, "SYSTEM_HOME", tmp_path / "home")
    monkeypatch.setattr(places, "_system_user", lambda: made[-1] if made else None)
    monkeypatch.setattr(places, "_make_system_user", make)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found: list[Account] = []
    starts = [threading.Thread(target=lambda: found.append(places.database_account())) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert {account.uid for account in found} == {999}
    assert len(made) == 1


def test_the_broker_starts_empty(tmp_path: Path) -> None:
    prepare_broker(tmp_path)
    (tmp_path / "broker" / "queue" / "old.msg").write_text("{}")

    prepare_broker(tmp_path)

    assert list((tmp_path / "broker" / "queue").iterdir()) == []


def test_a_folder_of_somebody_else_is_no_private_folder(tmp_path: Path) -> None:
    account = Account(os.geteuid(), os.getegid(), is_other=False)
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(LaunchError, match="belongs to somebody else"):
        account.private_folder(tmp_path / "link")
    assert mode(account.private_folder(tmp_path / "mine")) == 0o700


def test_each_checkout_has_a_database_home_of_its_own(tmp_path: Path, var: Path) -> None:
    assert short_hash(tmp_path / "a") != short_hash(tmp_path / "b")
    expected = Path("/var/lib/bursar") / short_hash(var) if os.geteuid() == 0 else var
    assert database_home(var) == expected


def test_a_second_start_in_the_same_place_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "manager.lock"

    with only_one(lock), pytest.raises(LaunchError, match=f"already runs .*process {os.getpid()}"), only_one(lock):
        pass
    with only_one(lock):
        assert lock.read_text() == str(os.getpid())


def test_a_busy_port_is_refused_by_the_name_of_its_setting() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LaunchError, match=f"127.0.0.1:{port} cannot be used .*Set BURSAR_PORT"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    "listening, asked", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")]
)
def test_the_probe_asks_this_machine(listening: str, asked: str) -> None:
    assert probe_host(listening) == asked


def test_the_address_that_is_printed_can_be_opened() -> None:
    assert web_address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert web_address("::", 8000) == "http://[::1]:8000"


@pytest.mark.parametrize(
    "allowed, name", [(["a.org", "b.org"], "a.org"), ([".example.org"], "example.org"), (["*"], "localhost")]
)
def test_the_probe_uses_a_name_that_is_allowed(allowed: list[str], name: str) -> None:
    assert allowed_name(allowed) == name


def test_an_unknown_service_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LaunchError, match="no service 'queue'; there are web, worker, beat"):
        command_of("queue")


def test_the_printed_command_is_whole_for_any_shell() -> None:
    command = curl_command("http://127.0.0.1:8000", "bsr_x")

    result = subprocess.run(["/bin/sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines() == [
        "curl",
        "-sS",
        "http://127.0.0.1:8000/api/usage",
        "-H",
        "Authorization: Bearer bsr_x",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"provider": "openai", "model": "gpt-4.1-mini", "task_type": "first_call", '
        '"input_tokens": 1200, "output_tokens": 300}',
    ]


def test_a_step_says_what_it_does_and_how_long_it_took() -> None:
    output = io.StringIO()
    console = Console(output)

    with console.step("Doing"):
        console.service_line("web", "hello")
    with pytest.raises(ValueError, match="no"), console.step("Trying"):
        raise ValueError("no")

    assert output.getvalue().splitlines() == [
        "Doing …",
        "web      | hello",
        "Doing … done in 0.0 s",
        "Trying … stopped after 0.0 s",
    ]


def test_a_console_that_nobody_reads_says_so_and_stays_quiet() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w")  # noqa: SIM115
    console = Console(stream)

    console.line("lost")
    console.line("not even tried")

    assert console.is_closed
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_an_environment_with_the_stamp_of_its_lock_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("x==1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "requirements.sha256").write_text("2f5a8d5f")
    installed: list[Path] = []

    def note(lock: Path, python: Path) -> int:
        assert python == tmp_path / "bin" / "python"
        installed.append(lock)
        return 0

    monkeypatch.setattr(install, "_install", note)

    assert (install.main(lock, tmp_path), install.main(lock, tmp_path)) == (0, 0)

    assert installed == [lock]
    lock.write_text("x==2")
    assert install.main(lock, tmp_path) == 0
    assert installed == [lock, lock]


def test_an_old_python_is_told_which_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "SUPPORTED", ((4, 0), (5, 0)))

    assert install.main(ROOT / "requirements.lock") == 1
    assert "Bursar needs Python 3.11 to 3.14" in capsys.readouterr().err
