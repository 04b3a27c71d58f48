"""The disk between an agent and the server: accepted lines stay here until they are acknowledged, or dropped aloud.

A folder of the spool belongs to one process, which holds its lock. When a process has died, however it died, another
one takes over what it left. The limit holds for the whole spool, whoever wrote it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .ids import new_id
from .locks import FileLock
from .segments import SUFFIX, Lines, Reader, Writer

SEGMENT_BYTES = 1 << 20
FEWEST_SEGMENTS = 8


@dataclass
class Box:
    """A folder with the lock this process holds on it."""

    folder: Path
    lock: FileLock
    reader: Reader


@dataclass(frozen=True)
class Taken:
    """Lines on their way to the server."""

    box: Box
    read: Lines

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The lines, oldest first."""
        return self.read.lines


@dataclass(frozen=True)
class Dropped:
    """What had to go because the disk limit was reached: the oldest lines."""

    lines: int
    bytes: int
    first: str
    last: str


@dataclass
class Spool:
    """All boxes this process may touch: its own, and those of processes that have died."""

    root: Path
    max_bytes: int
    own: Box = field(init=False)
    writer: Writer = field(init=False)
    adopted: list[Box] = field(init=False, default_factory=list)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _sending: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self.root / new_id()
        # Locked before it has its name: nobody can take a new box for one whose process has died.
        building = self.root / f".{folder.name}"
        building.mkdir(mode=0o700)
        lock = FileLock(building / "lock")
        if not lock.take():
            raise OSError(f"{building} cannot be locked")
        building.rename(folder)
        self.own = Box(folder, lock, Reader(folder))
        self.writer = Writer(folder, min(SEGMENT_BYTES, max(1, self.max_bytes // FEWEST_SEGMENTS)))

    def adopt(self) -> int:
        """Take over the boxes of processes that have died. Returns how many lines that adds."""
        held = {box.folder for box in self._boxes()}
        added = 0
        for folder in sorted(self.root.iterdir()):
            if folder in held or folder.name.startswith(".") or not folder.is_dir():
                continue
            lock = FileLock(folder / "lock")
            with contextlib.suppress(OSError):
                if lock.take():
                    box = Box(folder, lock, Reader(folder))
                    added += box.reader.count()
                    with self._lock:
                        self.adopted.append(box)
        return added

    def take(self, max_lines: int, max_bytes: int) -> Taken | None:
        """The oldest lines, first those left by others; None when there are none."""
        with self._lock:
            for box in list(self.adopted):
                if read := box.reader.peek(max_lines, max_bytes):
                    self._sending = read.segment
                    return Taken(box, read)
                self.adopted.remove(box)
                _remove(box)
            read = self.own.reader.peek(max_lines, max_bytes, self.writer)
            self._sending = read.segment if read else ""
            return Taken(self.own, read) if read else None

    def done(self, taken: Taken) -> None:
        """The server has these lines, or has refused them for good."""
        with self._lock:
            taken.box.reader.done(taken.read)
            self._sending = ""

    def given_back(self) -> None:
        """The lines that were taken could not be sent; they come again."""
        self._sending = ""

    def size(self) -> int:
        """Bytes in all boxes of the spool."""
        return sum(_size_of(path) for path in self.root.glob(f"*/*{SUFFIX}"))

    def prune(self) -> list[Dropped]:
        """Drop this process's oldest segments until the spool keeps its limit; not the one being sent."""
        dropped: list[Dropped] = []
        if (over := self.size() - self.max_bytes) <= 0:
            return dropped
        with self._lock:
            for box, path in sorted(self._segments(), key=lambda pair: pair[1].name):
                if over <= 0:
                    break
                if path.name == self._sending:
                    continue
                if self.writer.is_open(path):
                    self.writer.seal()
                size = _size_of(path)
                dropped.append(_told(box.reader, path, size))
                path.unlink(missing_ok=True)
                over -= size
        return dropped

    def close(self) -> None:
        """Let go of all boxes. An empty one is removed; what is left is taken over by the next process."""
        self.writer.seal()
        self.writer.sync()
        with self._lock:
            for box in self._boxes():
                if not any(True for _ in box.reader.segments()) or box.reader.count() == 0:
                    _remove(box)
                else:
                    box.lock.free()
            self.adopted.clear()

    def abandon(self) -> None:
        """In a forked child: the boxes are the parent's."""
        self.writer.abandon()
        for box in self._boxes():
            box.lock.free()

    def _boxes(self) -> list[Box]:
        return [*self.adopted, self.own]

    def _segments(self) -> list[tuple[Box, Path]]:
        return [(box, path) for box in self._boxes() for path in box.reader.segments()]


def _told(reader: Reader, path: Path, size: int) -> Dropped:
    lines = list(reader.lines_of(path))
    names = [_id_of(line) for line in (lines[:1] + lines[-1:])]
    return Dropped(len(lines), size, names[0] if names else "", names[-1] if names else "")


def _id_of(line: bytes) -> str:
    try:
        return str(json.loads(line[2:]).get("id", ""))
    except (ValueError, AttributeError):
        return ""


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _remove(box: Box) -> None:
    shutil.rmtree(box.folder, ignore_errors=True)
    box.lock.free()


def note(path: Path, entry: dict[str, object], max_bytes: int) -> None:
    """Add a JSON line to a file beside the spool; a full one becomes `<name>.1`, in place of an older one."""
    if _size_of(path) >= max_bytes:
        path.replace(path.with_name(path.name + ".1"))
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": at, **entry}) + "\n")
