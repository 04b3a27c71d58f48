"""Everything the metrics can say about a range, to compare before and after the books are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apps.costs.domain.calendars import Unit, cut
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics.shapes import CUBE_DIMENSIONS, UsageQuery

GROUPINGS: tuple[tuple[str, ...], ...] = (
    *((name,) for name in CUBE_DIMENSIONS),
    ("model", "task_type"),
    ("agent", "task_type", "status"),
    ("user",),
    ("key", "model"),
    ("tool",),
    ("tag:team",),
)
FILTERS: tuple[dict[str, tuple[str, ...]], ...] = ({}, {"model": ("gpt-4.1",)}, {"tier": ("",), "agent": ("coder",)})


def answers(start: datetime, end: datetime, zone: str, units: Sequence[Unit] = (Unit.DAY,)) -> dict[str, Any]:
    """Totals with percentiles, breakdowns by everything, and series cut in a zone."""
    found: dict[str, Any] = {}
    for filters in FILTERS:
        query = UsageQuery(start, end, zone=zone, filters=filters)
        found[f"totals {filters}"] = metrics.totals(query)
        for unit in units:
            edges = cut(start, end, unit, ZoneInfo(zone))
            for group_by in (None, "model"):
                rows = metrics.series(query, buckets=edges, group_by=group_by)
                found[f"{unit} {group_by} {filters}"] = sorted(rows, key=lambda row: (row.bucket, row.key or ""))
    query = UsageQuery(start, end, zone=zone)
    for grouping in GROUPINGS:
        groups = metrics.grouped(query, grouping, edges=())
        found[f"by {grouping}"] = sorted(groups, key=lambda row: row.values)
    return found
