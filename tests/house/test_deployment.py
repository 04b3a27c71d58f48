"""An installation that nobody has configured does not start, and one that is configured is strict."""

import subprocess
import sys

import pytest
from django.core.management import call_command

from tests.house import ROOT

PRODUCTION = {
    "PATH": "/usr/bin:/bin",
    "BURSAR_READ_LOCAL_ENV": "false",
    "SECRET_KEY": "kZ3v9qTnW1xR7bLm5cYp8sDf2gHj4kQa6wEz0uIo-VtNyBrXePlCh",
    "ALLOWED_HOSTS": "bursar.example.org",
    "DATABASE_URL": "postgresql://bursar@127.0.0.1:1/bursar",
}


def manage(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_it_refuses_to_start_and_names_what_is_missing(missing: str) -> None:
    environment = {name: value for name, value in PRODUCTION.items() if name != missing}

    result = manage("check", environment=environment)

    assert result.returncode != 0
    assert f"ImproperlyConfigured: {missing} is not set." in result.stderr


def test_an_empty_environment_refuses_to_start() -> None:
    result = manage("check", environment={"BURSAR_READ_LOCAL_ENV": "false"})

    assert result.returncode != 0
    assert "SECRET_KEY is not set" in result.stderr


def test_it_names_a_variable_it_cannot_understand() -> None:
    result = manage("check", environment=PRODUCTION | {"BURSAR_WEB_WORKERS": "many"})

    assert result.returncode != 0
    assert "BURSAR_WEB_WORKERS is not understood" in result.stderr


def test_it_refuses_an_address_that_no_link_can_begin_with() -> None:
    result = manage("check", environment=PRODUCTION | {"BURSAR_PUBLIC_URL": "bursar.example.org"})

    assert result.returncode != 0
    assert "BURSAR_PUBLIC_URL has to begin with https://" in result.stderr


def test_it_refuses_a_database_that_rounds_money() -> None:
    result = manage("check", environment=PRODUCTION | {"DATABASE_URL": "sqlite:///bursar.db"})

    assert result.returncode != 0
    assert "DATABASE_URL must name a PostgreSQL database" in result.stderr


def test_production_settings_pass_the_deployment_check_without_a_warning() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", environment=PRODUCTION)

    assert (result.stdout + result.stderr).strip() == "System check identified no issues (0 silenced)."
    assert result.returncode == 0


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
