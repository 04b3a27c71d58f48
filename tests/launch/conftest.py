"""Processes and folders for tests that start and kill real ones."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from controlplane.launch import places

Condition = Callable[[], object]


def eventually(condition: Condition, seconds: float) -> bool:
    """Whether the condition comes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_running(pid: int) -> bool:
    """Whether the process lives; a dead one that nobody has collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of its own; as root its database's home is removed again."""
    folder = tmp_path / "var"
    folder.mkdir()
    monkeypatch.setenv("BURSAR_VAR_DIR", str(folder))
    yield folder
    if os.geteuid() == 0:
        shutil.rmtree(places.SYSTEM_HOME / places.short_hash(folder), ignore_errors=True)


@pytest.fixture
def started() -> Iterator[list[int]]:
    """Numbers of process groups to kill should the test fail before it has stopped them."""
    groups: list[int] = []
    yield groups
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue
