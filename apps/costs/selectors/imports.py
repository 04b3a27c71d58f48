"""What is stored of an imported file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from apps.costs.domain.usage import key_of
from apps.costs.selectors import recount


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """The sums of the stored records of one file."""

    calls: int
    tool_executions: int
    unpriced_calls: int
    cost_usd: Decimal


def stored_ids(usage_ids: Sequence[str], *, project_id: int) -> set[str]:
    """Those of the ids that were ever stored in the project."""
    hashes = {usage_id: UUID(key_of(usage_id)) for usage_id in usage_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id_hash FROM costs_usagekey WHERE project_id = %s AND id_hash = ANY(%s)",
            [project_id, list(hashes.values())],
        )
        stored = {row[0] for row in cursor.fetchall()}
    return {usage_id for usage_id, hashed in hashes.items() if hashed in stored}


def stored_otherwise(calls: Sequence[tuple[str, str | None, datetime]], *, project_id: int | None) -> set[str]:
    """Those of the calls (usage id, id of the source, time) that another record, or one before them, tells of.

    It has the same id of the source and the very same time: a row that stands twice, exports that overlap, or one that
    was written anew.
    """
    known = [(usage_id, source_id, at) for usage_id, source_id, at in calls if source_id]
    first = {(source_id, at): usage_id for usage_id, source_id, at in reversed(known)}
    repeated = {usage_id for usage_id, source_id, at in known if first[source_id, at] != usage_id}
    if project_id is None or not known:
        return repeated
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT w.id
            FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS w(id, source_id, at)
            JOIN costs_usagerecord r ON r.project_id = %s AND r.occurred_at = w.at
                AND (r.response_id = w.source_id OR r.request_id = w.source_id)
                AND r.usage_id <> w.id
                AND r.occurred_at BETWEEN %s AND %s
            """,
            [
                *map(list, zip(*known, strict=True)),
                project_id,
                # Constants, so that the planner leaves out the other months.
                min(at for _, _, at in known),
                max(at for _, _, at in known),
            ],
        )
        return repeated | {usage_id for (usage_id,) in cursor.fetchall()}


def stored_usage(prefix: str, *, project_id: int, first_at: datetime, last_at: datetime) -> StoredUsage:
    """The sums of the records whose ids begin with the prefix, within [first_at, last_at]."""
    names = ("calls", "tool_executions", "unpriced_calls", "cost_usd")
    where: dict[str, Any] = {"project": project_id, "first": first_at, "last": last_at, "prefix": prefix}
    sums = ", ".join(f"coalesce(sum({recount.MEASURES[name]}), 0)" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sums} FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id"
            " WHERE r.project_id = %(project)s AND r.occurred_at >= %(first)s AND r.occurred_at <= %(last)s"
            " AND starts_with(r.usage_id, %(prefix)s)",
            where | recount.parameters(),
        )
        calls, tools, unpriced, cost = cursor.fetchone()
    return StoredUsage(int(calls), int(tools), int(unpriced), cost)
