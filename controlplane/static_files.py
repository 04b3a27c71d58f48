"""Whether the collected static files are those of the sources, so that a start need not collect them again."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders


def static_files_are_current() -> bool:
    """True when nothing has changed since they were collected last."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    return manifest.exists() and _note().exists() and _note().read_text() == _fingerprint()


def note_static_files() -> None:
    """Remember the sources as they have just been collected."""
    _note().parent.mkdir(parents=True, exist_ok=True)
    _note().write_text(_fingerprint())


def _note() -> Path:
    return Path(settings.VAR_DIR) / "static-sources.sha256"


def _fingerprint() -> str:
    """Path, size and time of every source; and where they were collected to, as another version may have done that."""
    digest = hashlib.sha256(f"{settings.STATIC_ROOT} {settings.VERSION}".encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            # Whole seconds: the layers of a container image keep no more.
            digest.update(f"{name} {status.st_size} {int(status.st_mtime)}\n".encode())
    return digest.hexdigest()
