"""The question of a page, asked of the selectors: cells by group and by piece of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import NO_TOP, Top, UsageQuery
from controlplane.explore.measures import Cell, Measure, Source


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell, where it stands: its group values, and its bucket in a series."""

    values: tuple[str, ...]
    bucket: datetime | None
    cell: Cell


def placed(
    query: UsageQuery,
    group_by: Sequence[str],
    measure: Measure,
    edges: Sequence[datetime] = (),
    top: Top = NO_TOP,
) -> list[Placed]:
    """The cells of a question, which add up to all usage of the query. Edges may touch where clocks were changed.

    Of the dimensions in `top` only these groups are kept apart, the others are OTHER.
    Raises BadQuery where the records would have to be read for too long a time.
    """
    cuts = sorted(set(edges))
    match measure.source:
        case Source.HISTOGRAM:
            found = metrics.histograms(query, group_by, edges=cuts, column=measure.needs[0], top=top)
            return [Placed(row.values, row.bucket, Cell(counts=row.counts)) for row in found]
        case Source.TASKS:
            tasks = metrics.tasks_by(query, group_by, edges=cuts, top=top)
            return [Placed(row.values, row.bucket, Cell(tasks=row.totals)) for row in tasks]
        case Source.WASTE | Source.FAILED:
            only_failed = measure.source is Source.FAILED
            waste = metrics.waste_by(query, group_by, edges=cuts, from_rollups=only_failed, top=top)
            return [Placed(row.values, row.bucket, Cell(waste=row.totals)) for row in waste]
    rows = metrics.grouped(query, group_by, edges=cuts, wanted=measure.needs, only=measure.needs, whole=True, top=top)
    return [Placed(row.values, row.bucket, Cell(row.totals)) for row in rows]


def reads_records(query: UsageQuery, group_by: Sequence[str], measure: Measure) -> bool:
    """Whether the records have to be read for it."""
    match measure.source:
        case Source.TASKS:
            return metrics.reads_first_calls(query, group_by)
        case Source.WASTE:
            return metrics.waste_reads_records(query, group_by)
        case Source.FAILED:
            return metrics.from_records_only(query, (*group_by, "status"), ("observed_calls",))
    return metrics.from_records_only(query, group_by, measure.needs)
