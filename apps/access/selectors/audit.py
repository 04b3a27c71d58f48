"""Reads of the audit log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.access.domain.identity import Caller
from apps.access.models import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for; empty fields match everything. The period is half-open."""

    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    start: datetime | None = None
    end: datetime | None = None


def audit_entries(caller: Caller, wanted: AuditFilter) -> QuerySet[AuditEntry]:
    """Entries the caller may read, newest first. A caller limited to projects reads only what concerns them."""
    exact = {
        "actor": wanted.actor,
        "object_type": wanted.object_type,
        "object_id": wanted.object_id,
        "at__gte": wanted.start,
        "at__lt": wanted.end,
    }
    entries = AuditEntry.objects.filter(**{name: value for name, value in exact.items() if value})
    if wanted.action:
        entries = entries.filter(action__startswith=wanted.action)
    if caller.project_ids is not None:
        entries = entries.filter(project_id__in=caller.project_ids)
    return entries.order_by("-id")


def known_actions() -> list[str]:
    """Every action the log has seen, for the filter's list."""
    return sorted(AuditEntry.objects.order_by().values_list("action", flat=True).distinct())


def batches(entries: QuerySet[AuditEntry], size: int = 1_000) -> Iterator[list[AuditEntry]]:
    """All the entries, newest first, in lists read one by one by key: an export holds no cursor open."""
    batch = list(entries[:size])
    while batch:
        yield batch
        batch = list(entries.filter(id__lt=batch[-1].pk)[:size])
