"""Writes that keep the interpreter's lock: the bytes and errors of `os.write`, and only on disks of this machine."""

import errno
import os
import sys
import time
from pathlib import Path

import pytest
from bursar_client import writes
from bursar_client.writes import Holding, file_system_of, write_for

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime shared:5 - nfs4 box:/home rw
31 30 0:41 / /home/a\\040b rw - xfs /dev/sdb1 rw
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's table of mounts")


def test_the_file_system_of_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: MOUNTS)
    monkeypatch.setattr(os.path, "realpath", str)
    folders = {"/": "ext4", "/homes": "ext4", "/home": "nfs4", "/home/x": "nfs4", "/home/a b/c": "xfs"}
    assert {folder: file_system_of(Path(folder)) for folder in folders} == folders
    assert write_for(Path("/home/x")) is os.write, "a server may keep a write for minutes"
    assert isinstance(write_for(Path("/home/a b")), Holding)


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Holding:
    monkeypatch.setattr(writes, "file_system_of", lambda _: "ext4")
    made = write_for(Path())
    assert isinstance(made, Holding)
    return made


def test_it_writes(write: Holding, tmp_path: Path) -> None:
    data = b"a\0b\n" * 100
    descriptor = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    assert write(descriptor, data) == len(data)
    os.close(descriptor)
    assert (tmp_path / "x").read_bytes() == data
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is what is looked at
        write(descriptor, data)
    assert refused.value.errno == errno.EBADF


def test_a_full_disk_is_told(write: Holding) -> None:
    with open("/dev/full", "wb") as full, pytest.raises(OSError) as refused:  # noqa: PT011
        write(full.fileno(), b"x")
    assert refused.value.errno == errno.ENOSPC


def test_a_slow_disk_is_waited_for_without_the_lock(tmp_path: Path) -> None:
    asked = []

    def slow(descriptor: int, data: bytes, size: int) -> int:
        asked.append(size)
        time.sleep(2 * writes.SLOW_SECONDS)
        return size

    write = Holding(slow)
    with (tmp_path / "x").open("wb") as file:
        assert [write(file.fileno(), b"abc") for _ in range(3)] == [3, 3, 3]
    assert asked == [3]
    assert (tmp_path / "x").read_bytes() == b"abcabc"
