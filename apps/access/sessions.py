"""Sessions whose keys are stored as digests, so that a copy of the database lets nobody in."""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Django's database sessions; only the digest of the cookie's key is stored."""

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        row = self.model.objects.filter(session_key=_digest(self.session_key), expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
        return row

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = _digest(row.session_key) or ""
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(_digest(session_key) or "")

    def delete(self, session_key: str | None = None) -> None:
        super().delete(_digest(session_key or self.session_key))


def _digest(session_key: str | None) -> str | None:
    """40 hexadecimal digits of SHA-256: what the column holds, and more than the 160 bits of the key itself."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40] if session_key else None
