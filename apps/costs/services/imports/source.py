"""The file of an import: packed with gzip, as a zip, or not, read as a stream, known by the SHA-256 of its content."""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, cast
from zipfile import BadZipFile, ZipFile

from apps.costs.domain.importing import BadFile

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_BLOCK = 1024 * 1024
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Byte order marks by which spreadsheets name an encoding of their own."""
# A zip raises NotImplementedError for what it cannot unpack, and RuntimeError where it needs a password.
_UNPACKING = (EOFError, gzip.BadGzipFile, zlib.error, BadZipFile, NotImplementedError, RuntimeError)


class Source:
    """A file that can be read more than once. Raises OSError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = path.stat()
        self.size, self._state = found.st_size, _state(found)
        self._raw: BufferedReader | None = None

    def check(self) -> None:
        """Raises BadFile when the file is no longer what it was: its rows would be stored as those of another file."""
        if _state(self.path.stat()) != self._state:
            raise BadFile("The file changed while it was read. Import a copy that nothing writes to.")

    @property
    def name(self) -> str:
        """The name of the file without its folder."""
        return self.path.name

    def digest(self) -> str:
        """SHA-256 of the unpacked content, so that a packed copy is the same file. Raises BadFile."""
        found = sha256()
        with self._opened() as content:
            while block := content.read(_BLOCK):
                found.update(block)
        return found.hexdigest()

    @contextmanager
    def text(self) -> Iterator[TextIOWrapper]:
        """The content as text, line ends untouched. Raises BadFile when it cannot be unpacked."""
        encoding = self._encoding()
        with self._opened() as content:
            yield TextIOWrapper(cast("BufferedReader", content), encoding=encoding, errors="replace", newline="")

    def _encoding(self) -> str:
        with self._opened() as content:
            return _MARKS.get(content.read(2), "utf-8-sig")

    def share_read(self) -> float:
        """How much of the file was read since it was last opened, from 0 to 1."""
        return min(self._raw.tell() / self.size, 1.0) if self._raw and not self._raw.closed and self.size else 0.0

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        with self.path.open("rb") as raw:
            self._raw = raw
            begin = raw.peek(4)[:4]
            try:
                if begin == _ZIP:
                    with ZipFile(raw) as packed, packed.open(_only_file(packed)) as content:
                        yield content
                else:
                    yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if begin.startswith(_GZIP) else raw
            except _UNPACKING as error:
                raise BadFile(f"The packed file is damaged or cut off: {error}.") from error


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _only_file(packed: ZipFile) -> str:
    """The one file of a zip. Raises BadFile when there are several: which of them is meant?"""
    names = [one.filename for one in packed.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(names) != 1:
        raise BadFile(f"The zip holds {len(names):,} files: unpack it, and import each by itself.")
    return names[0]
