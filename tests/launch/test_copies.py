"""A copy of everything, and the way back: nothing is lost on it, whatever is wrong with a file."""

import io
import stat
from pathlib import Path

import psycopg
import pytest

from controlplane.launch import copies
from controlplane.launch.console import Console
from controlplane.launch.embedded import embedded_cluster
from controlplane.launch.leftovers import only_one
from controlplane.launch.supervisor import Supervisor

TABLES = """
    CREATE TABLE IF NOT EXISTS django_migrations (app text, name text);
    CREATE TABLE IF NOT EXISTS costs_usagerecord (occurred_at timestamptz) PARTITION BY RANGE (occurred_at);
    CREATE TABLE IF NOT EXISTS costs_usagerecord_all PARTITION OF costs_usagerecord DEFAULT;
    INSERT INTO costs_usagerecord VALUES ('2026-11-01T12:00Z');
"""


class Installation:
    """One whose database is run for each question."""

    def __init__(self, var: Path, told: pytest.CaptureFixture[str]) -> None:
        self.var, self._told, self.cluster = var, told, embedded_cluster(var)

    def run(self, *statements: str) -> None:
        with (
            copies._running(Console(io.StringIO()), self.cluster, self.var / "processes.json"),
            psycopg.connect(self.cluster.url(), autocommit=True) as connection,
        ):
            for statement in statements:
                connection.execute(statement)

    def asked(self, *arguments: object) -> tuple[int, str]:
        """The exit code, and what was said."""
        code = copies.main(list(map(str, arguments)))
        return code, self._told.readouterr().out


@pytest.fixture
def here(var: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Installation:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(copies, "read_environment", lambda _: None)
    monkeypatch.setattr(Supervisor, "listen_for_signals", lambda _: None)
    return Installation(var, capsys)


def test_there_and_back(here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "a.dump"
    assert here.asked("undo") == (1, "Nothing was changed: there is no database yet; `make run` makes one.\n")
    here.run(TABLES)
    code, said = here.asked("save", file)
    assert (code, "Keep it elsewhere" in said, stat.S_IMODE(file.stat().st_mode)) == (0, True, 0o600)
    assert "is there already" in here.asked("save", file)[1]
    here.run(TABLES)

    code, said = here.asked("restore", file)
    assert (code, "Restored: 1 records up to 2026-11-01 12:00 UTC, in the place of 2 records" in said) == (0, True)
    assert "Put back: 2 records" in here.asked("undo")[1]
    assert "Put back: 1 records" in here.asked("undo")[1]


def test_what_cannot_be_restored_changes_nothing(here: Installation, tmp_path: Path) -> None:
    whole, broken, foreign, later = (tmp_path / f"{name}.dump" for name in ("whole", "broken", "foreign", "later"))
    here.run("CREATE TABLE something ()")
    here.asked("save", foreign)
    here.run(TABLES, "INSERT INTO django_migrations VALUES ('costs', '0001_usage'), ('auth', '9999_theirs')")
    here.asked("save", whole)
    broken.write_bytes(whole.read_bytes()[:-200])
    here.run("INSERT INTO django_migrations VALUES ('costs', '9999_later')")
    here.asked("save", later)
    for file, why in (
        (broken, "pg_restore says "),
        (foreign, "it is no copy of Bursar."),
        (later, "a later version of Bursar made it, which has costs 9999_later: update first."),
        (tmp_path / "none", f"{tmp_path / 'none'} is no file."),
    ):
        code, said = here.asked("restore", file)
        assert (code, f"Nothing was changed: {why}" in said) == (1, True), said
    assert "no restore has replaced anything" in here.asked("undo")[1]
    with only_one(here.var / "manager.lock"):
        assert "Bursar already runs from this folder" in here.asked("restore", whole)[1]
    here.run(f"DO $$ BEGIN ASSERT (SELECT count(*) = 0 FROM pg_database WHERE datname = '{copies.NEW}'); END $$")


def test_a_database_of_ones_own_is_left_alone(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///own")
    assert "DATABASE_URL names a PostgreSQL of your own" in here.asked("undo")[1]


def test_what_postgresql_says_is_passed_on_in_one_line(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise psycopg.errors.DiskFull("could not extend file\n  HINT: Check free disk space.")

    monkeypatch.setattr(copies, "embedded_cluster", full)
    said = "Nothing was changed: PostgreSQL says could not extend file HINT: Check free disk space.\n"
    assert here.asked("undo") == (1, said)
