"""The two private files that `make run` writes: the settings of this installation, and where its services are.

Both are read by the settings and give way to variables that are already set.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import environ

LOCAL = "local.env"
SERVICES = "services.env"
SECRET_BYTES = 50


def ensure_local_file(var: Path) -> bool:
    """Write local.env with a random SECRET_KEY unless it is there; True when it was written."""
    path = var / LOCAL
    if path.exists():
        return False
    lines = [
        "# Settings of this installation; docs/operating.md lists them all. Keep this file private.",
        f"SECRET_KEY={secrets.token_urlsafe(SECRET_BYTES)}",
        "ALLOWED_HOSTS=127.0.0.1,localhost",
        "DEBUG=false",
        "BURSAR_INSECURE_HTTP=true",
    ]
    write_private(path, "\n".join(lines) + "\n")
    return True


def read_environment(var: Path) -> None:
    """Write local.env at the first start, and read it as the settings do: what is set already wins."""
    ensure_local_file(var)
    environ.Env.read_env(var / LOCAL)


def write_services_file(var: Path, variables: Mapping[str, str]) -> None:
    """Tell commands that people type what this start was told: where the services are. Without any there is no file."""
    if not variables:
        (var / SERVICES).unlink(missing_ok=True)
        return
    lines = "".join(f"{name}={told}\n" for name, told in variables.items())
    write_private(var / SERVICES, f"# Written at every start: where its services are.\n{lines}")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    unfinished.replace(path)
