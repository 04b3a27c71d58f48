"""Writing a line without letting go of the interpreter's lock, where a write only fills memory of the kernel.

`os.write` lets other threads run meanwhile. The line is in the page cache after microseconds, but the lock comes back
only after the switch interval of every thread that computes: 5 ms each. So on file systems of this machine the write
keeps the lock. Where one takes long, because the disk is behind, writes let go of it again for a while.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

Write = Callable[[int, bytes], int]
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "tmpfs", "overlay"})
SLOW_SECONDS = 0.002
LET_GO_SECONDS = 10.0


def write_for(folder: Path) -> Write:
    """How to write to the files of a folder."""
    if sys.platform != "linux" or file_system_of(folder) not in LOCAL:
        return os.write
    try:
        return Holding(ctypes.PyDLL(None, use_errno=True).write)
    except (OSError, AttributeError):
        return os.write


class Holding:
    """The C library's own `write`; as `os.write` for a while after it was slow."""

    def __init__(self, write: Callable[[int, bytes, int], int]) -> None:
        write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)  # type: ignore[attr-defined]
        write.restype = ctypes.c_ssize_t  # type: ignore[attr-defined]
        self._write = write
        self._let_go_until = 0.0

    def __call__(self, descriptor: int, data: bytes) -> int:
        """As `os.write`. Raises OSError."""
        begin = time.monotonic()
        if begin < self._let_go_until:
            return os.write(descriptor, data)
        while (written := self._write(descriptor, data, len(data))) < 0:
            code = ctypes.get_errno()
            if code != errno.EINTR:
                raise OSError(code, os.strerror(code))
        if (end := time.monotonic()) - begin > SLOW_SECONDS:
            self._let_go_until = end + LET_GO_SECONDS
        return written


def file_system_of(folder: Path) -> str:
    """The type of the file system a folder is on, as Linux names it; "" when unknown."""
    try:
        target, table = os.path.realpath(folder), Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return ""
    found, longest = "", -1
    for line in table.splitlines():
        mount, _, rest = line.partition(" - ")
        place = mount.split(" ")[4].replace("\\040", " ")
        inside = place == "/" or target == place or target.startswith(f"{place}/")
        if inside and len(place) >= longest:
            found, longest = rest.split(" ")[0], len(place)
    return found
