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
