"""The question of a page, asked of the selectors: cells by group and by piece of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import Totals, UsageQuery
from controlplane.explore.measures import Cell, Measure

NOTHING = Cell(Totals(), {})


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell, where it stands: its group values, and its bucket in a series."""

    values: tuple[str, ...]
    bucket: datetime | None
    cell: Cell


def placed(
    query: UsageQuery, group_by: Sequence[str], measure: Measure, edges: Sequence[datetime] = ()
) -> list[Placed]:
    """The cells of a question, which add up to all usage of the query. Edges may touch where clocks were changed.

    Raises BadQuery where the records would have to be read for too long a time.
    """
    cuts = sorted(set(edges))
    if measure.reads_histogram:
        found = metrics.histograms(query, group_by, edges=cuts, column=measure.needs[0])
        return [Placed(row.values, row.bucket, Cell(NOTHING.totals, row.counts)) for row in found]
    rows = metrics.grouped(query, group_by, edges=cuts, wanted=measure.needs, whole=True)
    return [Placed(row.values, row.bucket, Cell(row.totals, {})) for row in rows]


def reads_records(query: UsageQuery, group_by: Sequence[str], measure: Measure) -> bool:
    """Whether the records have to be read for it."""
    return metrics.from_records_only(query, group_by, measure.needs)
