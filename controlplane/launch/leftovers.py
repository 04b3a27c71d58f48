"""The processes of this run, written down, so that the next start can stop what a kill has left behind."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from controlplane.launch.places import LaunchError
from controlplane.launch.watchdog import stop_all

Group = tuple[int, int, int]  # its number, the signal that stops it, its stage


def write_record(record: Path, groups: Iterable[Group]) -> None:
    """Write down process groups with the start time of their first process, which tells them from later ones."""
    entries = [[*group, _started(group[0])] for group in groups]
    unfinished = record.with_suffix(".new")
    unfinished.write_text(json.dumps(entries))
    unfinished.replace(record)


def living(record: Path) -> list[Group]:
    """The groups of an earlier run that still live."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        for group, number, stage, started in json.loads(record.read_text()):
            if started is not None and _started(group) == started:
                found.append((group, number, stage))
    return found


def stop(groups: Iterable[Group]) -> None:
    """Stop the groups, those that need others before the others."""
    stop_all({group: (number, stage) for group, number, stage in groups})


def _started(pid: int) -> float | None:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return None


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the lock of this installation; it is free again the moment its holder dies.

    Raises LaunchError naming the other process when Bursar already runs here.
    """
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        other = os.read(handle, 20).decode().strip() or "unknown"
        os.close(handle)
        raise LaunchError(f"Bursar already runs from this folder (process {other}). Stop it there first.") from error
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)
