"""Sums of usage for pages, the API and CSV: one set of questions, so that every place gives the same answer."""

from apps.costs.selectors.metrics.asking import from_records_only, kept
from apps.costs.selectors.metrics.histograms import GroupHistogram, histograms, merged
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

__all__ = [
    "OTHER",
    "BadQuery",
    "BreakdownRow",
    "GroupHistogram",
    "GroupRow",
    "SeriesRow",
    "Totals",
    "UsageQuery",
    "added",
    "breakdown",
    "breakdown_of",
    "freshness",
    "from_records_only",
    "grouped",
    "has_usage",
    "histograms",
    "kept",
    "merged",
    "one_snapshot",
    "series",
    "totals",
]
