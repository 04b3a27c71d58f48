"""The file of an import: packed or not, read as a stream, known by the SHA-256 of its content."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, cast

from apps.costs.domain.importing import BadFile

_GZIP = b"\x1f\x8b"
_BLOCK = 1024 * 1024
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Byte order marks by which spreadsheets name an encoding of their own."""
_UNPACKING = (EOFError, gzip.BadGzipFile, zlib.error)


class Source:
    """A file that can be read more than once. Raises OSError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._raw: BufferedReader | None = None

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
            packed = raw.peek(2)[:2] == _GZIP
            try:
                yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
            except _UNPACKING as error:
                raise BadFile(f"The packed file is damaged or cut off: {error}.") from error
