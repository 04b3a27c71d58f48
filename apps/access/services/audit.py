"""Writes the audit log, in the same transaction as the change it tells of. Secrets never appear in it."""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from django.db.models import Model

from apps.access.domain.identity import Caller
from apps.access.models import AuditEntry
from apps.access.request_context import origin

Values = Mapping[str, Any]
_KEY = re.compile(r"bsr_[0-9A-Za-z]{8,}")
_DENIALS_REMEMBERED = 1_000
_DENIAL_SECONDS = 60.0
_denials: dict[tuple[str, str], float] = {}


def record(
    *,
    caller: Caller | str,
    action: str,
    obj: Model | None = None,
    before: Values | None = None,
    after: Values | None = None,
    project_id: int | None = None,
) -> AuditEntry:
    """Appends one entry. `action` is `object.verb` like `key.revoked`; a caller without a session is named by text.

    Entries with a `project_id` are what people limited to that project may read.
    """
    now_at = origin()
    return AuditEntry.objects.create(
        actor=_shown(caller.actor if isinstance(caller, Caller) else caller),
        action=action,
        object_type=obj._meta.model_name or "" if obj is not None else "",
        object_id=str(obj.pk) if obj is not None else "",
        project_id=project_id,
        before=_plain(before),
        after=_plain(after),
        address=now_at.address,
        request_id=now_at.request_id,
    )


def record_denial(caller: Caller, *, method: str, path: str) -> None:
    """Notes that a known caller asked for what it may not have, at most once a minute for the same act."""
    act, now = (caller.actor, f"{method} {path[:500]}"), time.monotonic()
    if now - _denials.get(act, -_DENIAL_SECONDS) < _DENIAL_SECONDS:
        return
    if len(_denials) >= _DENIALS_REMEMBERED:
        _denials.clear()
    _denials[act] = now
    record(caller=caller, action="access.denied", after={"method": method, "path": path[:500]})


def forget_denials() -> None:
    """Empties the memory of denials: for tests."""
    _denials.clear()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int)):
        return value
    return _shown(str(value))


def _shown(text: str) -> str:
    """Text without NUL, which the database refuses, and without anything that looks like a key."""
    return _KEY.sub("bsr_…", text.replace("\0", ""))
