"""The vocabularies shipped with Bursar: unpacked once, verified before every use, never downloaded."""

import hashlib
import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ARCHIVE = Path(__file__).parents[2] / "vocabularies" / "vocabularies.tar.xz"


class VocabularyError(Exception):
    """A vocabulary file is not what it should be; nothing is counted with it."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One vocabulary: `cache_name` is the name tiktoken looks for, `sha256` the sum tiktoken itself expects."""

    name: str
    cache_name: str
    sha256: str


CL100K_BASE = Vocabulary(
    "cl100k_base",
    "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
)
O200K_BASE = Vocabulary(
    "o200k_base",
    "fb374d419588a4632f3f557e76b4b70aebbca790",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
)
VOCABULARIES = (CL100K_BASE, O200K_BASE)


def ensure_vocabularies(directory: Path, archive: Path = ARCHIVE) -> list[str]:
    """Unpack what is missing in the directory, verify everything, and return the names of what was unpacked.

    Raises VocabularyError when the archive or a file that is already there does not have the right content: tiktoken
    would delete such a file and try to download it.
    """
    missing = [vocabulary for vocabulary in VOCABULARIES if not (directory / vocabulary.cache_name).exists()]
    if missing:
        directory.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as packed:
            for vocabulary in missing:
                _unpack(packed, vocabulary, directory, archive)
    for vocabulary in VOCABULARIES:
        _verify((directory / vocabulary.cache_name).read_bytes(), vocabulary, directory / vocabulary.cache_name)
    return [vocabulary.name for vocabulary in missing]


def _unpack(packed: tarfile.TarFile, vocabulary: Vocabulary, directory: Path, archive: Path) -> None:
    member = packed.extractfile(f"{vocabulary.name}.tiktoken")
    assert member is not None
    content = member.read()
    _verify(content, vocabulary, archive)
    # Written aside and renamed: other processes see the whole file or none.
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as aside:
        aside.write(content)
    os.chmod(aside.name, 0o644)
    os.replace(aside.name, directory / vocabulary.cache_name)


def _verify(content: bytes, vocabulary: Vocabulary, where: Path) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != vocabulary.sha256:
        raise VocabularyError(
            f"{where}: the vocabulary {vocabulary.name} has SHA-256 {found}, expected {vocabulary.sha256}. "
            "If this is an unpacked copy, delete it; it is unpacked again at the next start."
        )
