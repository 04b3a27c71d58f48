"""Lines in append-only files: one folder of segments, written by one process, read from the oldest on.

A line counts from the moment its whole text, with the newline, is in the file. What a killed writer left half written
has no newline and was never accepted, so readers leave it alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .writes import write_for

SUFFIX = ".log"
_READ = 1 << 16


class Writer:
    """Appends lines to the newest segment of a folder. Safe in threads."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._write = write_for(folder)
        self._lock = threading.Lock()
        self._descriptor = -1
        self._size = 0
        self._torn = False
        self._last_name = 0
        self._is_dirty = self._is_new = False
        self._ended: list[int] = []

    def append(self, line: bytes) -> None:
        """One write, of `line` and a newline, into the page cache. Raises OSError when it is not there whole."""
        with self._lock:
            if self._descriptor < 0 or self._size >= self._segment_bytes:
                self._open_next()
            # A line that was cut off, by a full disk, is ended first: it then is a line nobody can read, not two.
            data = b"\n" + line + b"\n" if self._torn else line + b"\n"
            self._torn = True
            written = self._write(self._descriptor, data)
            self._size += written
            self._is_dirty = True
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes could be written")
            self._torn = False

    def seal(self) -> None:
        """End the present segment, so that a reader may remove it; the next line opens a new one."""
        with self._lock:
            self._close()

    def sync(self) -> None:
        """fsync what was written since the last time. Appending goes on meanwhile."""
        with self._lock:
            waiting, self._ended = self._ended, []
            if self._is_dirty and self._descriptor >= 0:
                waiting.append(os.dup(self._descriptor))
            is_new, self._is_dirty, self._is_new = self._is_new, False, False
        for descriptor in waiting:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        if is_new and hasattr(os, "O_DIRECTORY"):
            _sync_folder(self.folder)

    def is_open(self, path: Path) -> bool:
        """Whether this is the segment that lines are appended to."""
        return self._descriptor >= 0 and path.name == _name(self._last_name)

    def abandon(self) -> None:
        """Close the descriptor without a word to the disk: what a forked child does with its copy."""
        for descriptor in (*self._ended, self._descriptor):
            if descriptor >= 0:
                os.close(descriptor)
        self._ended, self._descriptor = [], -1

    def _open_next(self) -> None:
        self._close()
        self._last_name = max(self._last_name + 1, time.time_ns())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.folder / _name(self._last_name), flags, 0o600)
        self._size, self._torn, self._is_new = 0, False, True

    def _close(self) -> None:
        # Not synced here: that may take long, and somebody waits for this append.
        if self._descriptor >= 0:
            self._ended.append(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True)
class Lines:
    """Lines that were read, and where the reader stands once they are done with."""

    lines: tuple[bytes, ...]
    segment: str
    end: int


class Reader:
    """Reads the segments of a folder in order, and remembers in `position` how far they are done with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._segment, self._offset = self._remembered()

    def segments(self) -> list[Path]:
        """The segments that are there, oldest first."""
        return sorted(path for path in self.folder.iterdir() if path.suffix == SUFFIX)

    def peek(self, max_lines: int, max_bytes: int, writer: Writer | None = None) -> Lines | None:
        """The oldest lines not done with, of one segment; None when there are none. Removes segments that are done."""
        for path in self.segments():
            start = self._offset if path.name == self._segment else 0
            is_open = writer is not None and writer.is_open(path)
            found = _read(path, start, max_lines, max_bytes)
            if found.lines:
                return found
            if is_open:
                return None
            # Read again: the writer may have appended and moved on between the two looks.
            if not (again := _read(path, start, max_lines, max_bytes)).lines:
                path.unlink(missing_ok=True)
                continue
            return again
        return None

    def done(self, read: Lines) -> None:
        """Never hand these lines out again."""
        self._segment, self._offset = read.segment, read.end
        self._remember()

    def count(self) -> int:
        """How many lines are not done with."""
        return sum(self.count_in(path) for path in self.segments())

    def count_in(self, path: Path) -> int:
        """How many lines of one segment are not done with."""
        return sum(1 for _ in self.lines_of(path))

    def lines_of(self, path: Path) -> Iterator[bytes]:
        """The lines of one segment that are not done with."""
        position = self._offset if path.name == self._segment else 0
        while (found := _read(path, position, 1000, 1 << 20)).lines:
            yield from found.lines
            position = found.end

    def _remembered(self) -> tuple[str, int]:
        # Unreadable means from the start: the lines are sent again, which their ids make harmless.
        try:
            segment, offset = (self.folder / "position").read_text().split()
            return segment, int(offset)
        except (OSError, ValueError):
            return "", 0

    def _remember(self) -> None:
        # 64 bytes in one write: whole or not at all for whoever looks after a kill.
        text = f"{self._segment} {self._offset}".ljust(63) + "\n"
        descriptor = os.open(self.folder / "position", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(number: int) -> str:
    return f"{number:020d}{SUFFIX}"


def _read(path: Path, start: int, max_lines: int, max_bytes: int) -> Lines:
    """Whole lines from `start` on: at least one if there is one, however long; else within both limits."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(max_bytes)
            while data and b"\n" not in data and (more := file.read(_READ)):
                data += more
    except FileNotFoundError:
        data = b""
    lines = data.split(b"\n")[:-1][:max_lines]
    return Lines(tuple(lines), path.name, start + sum(len(line) + 1 for line in lines))
