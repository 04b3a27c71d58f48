"""What went through each tier lately: calls, spend and their shares."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.selectors import metrics

LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class TierUse:
    """Calls and spend of one tier; "" are calls of no tier."""

    calls: int = 0
    cost_usd: Decimal = Decimal(0)


def use_by_tier(*, now: datetime, project_ids: frozenset[int] | None) -> dict[str, TierUse]:
    """Calls and spend of the last 30 days by tier. Cut at quarter-hours, so that rollups answer alone."""
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    query = metrics.UsageQuery(end - LATELY, end, project_ids=project_ids)
    rows = metrics.grouped(query, ("tier",), edges=())
    return {row.values[0]: TierUse(row.totals.calls, row.totals.cost_usd) for row in rows}
