"""Sums of usage for pages, the API and CSV: one set of questions, so that every place gives the same answer."""

from apps.costs.selectors.metrics.asking import from_records_only, kept
from apps.costs.selectors.metrics.histograms import GroupHistogram, histograms, merged
from apps.costs.selectors.metrics.naming import NO_TOP, Top
from apps.costs.selectors.metrics.questions import (
    added,
    breakdown,
    breakdown_of,
    freshness,
    grouped,
    has_usage,
    series,
    totals,
)
from apps.costs.selectors.metrics.shapes import (
    OTHER,
    BadQuery,
    BreakdownRow,
    GroupRow,
    SeriesRow,
    Totals,
    UsageQuery,
)
from apps.costs.selectors.metrics.snapshot import one_snapshot
from apps.costs.selectors.metrics.tasks import TaskRow, TaskTotals, reads_first_calls, task_totals, tasks_by
from apps.costs.selectors.metrics.waste import (
    WasteRow,
    WasteTotals,
    errors_by_type,
    waste_by,
    waste_reads_records,
    waste_totals,
)

__all__ = [
    "NO_TOP",
    "OTHER",
    "BadQuery",
    "BreakdownRow",
    "GroupHistogram",
    "GroupRow",
    "SeriesRow",
    "TaskRow",
    "TaskTotals",
    "Top",
    "Totals",
    "UsageQuery",
    "WasteTotals",
    "WasteRow",
    "added",
    "breakdown",
    "breakdown_of",
    "errors_by_type",
    "freshness",
    "from_records_only",
    "grouped",
    "has_usage",
    "histograms",
    "kept",
    "merged",
    "one_snapshot",
    "reads_first_calls",
    "series",
    "task_totals",
    "tasks_by",
    "totals",
    "waste_by",
    "waste_reads_records",
    "waste_totals",
]
