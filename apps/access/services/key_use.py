"""Notes when a key was last used, at most once a minute per key and after the answer has been sent."""

import logging
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Q
from django.utils import timezone

from apps.access.models import ApiKey

logger = logging.getLogger(__name__)
_used: set[int] = set()


def note(key_id: int) -> None:
    """Marks the key as used; `write` stores it once the answer is out."""
    _used.add(key_id)


def is_noted() -> bool:
    """Whether there is anything to store."""
    return bool(_used)


def write(**_: Any) -> None:
    """Stores what was noted. Connected to the end of each request; a database that is away costs only the note."""
    if not _used:
        return
    key_ids = _taken()
    try:
        touch(key_ids)
    except DatabaseError:
        logger.warning("The last use of %d keys could not be stored.", len(key_ids))
    finally:
        if not connection.in_atomic_block:  # as in a test
            connection.close()


def touch(key_ids: list[int]) -> None:
    """Sets the last use to now where it is older than a minute."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(minutes=1))
    ApiKey.objects.filter(stale, id__in=key_ids).update(last_used_at=now)


def _taken() -> list[int]:
    taken: list[int] = []
    while _used:
        try:
            taken.append(_used.pop())
        except KeyError:  # another thread was faster
            break
    return taken
