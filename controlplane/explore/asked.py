"""One request for Explore, resolved: the state, the period, and every cell the page shows."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from apps.access.domain.identity import Caller
from apps.access.pages import PageRequest
from apps.costs.domain.colours import MOST_SERIES
from apps.costs.domain.periods import Comparison, Period, compare
from apps.costs.selectors.metrics import OTHER, UsageQuery
from apps.costs.selectors.reporting import reporting_zone
from controlplane.explore.cells import Placed, placed, reads_records
from controlplane.explore.measures import Cell, Source
from controlplane.explore.ranking import by_group, ranked, shown, together
from controlplane.explore.state import MOST_COLUMNS, Explored, read


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, for which state, at which instant."""

    state: Explored
    period: Period
    caller: Caller
    notices: list[str]

    @property
    def query(self) -> UsageQuery:
        """The question about the whole period."""
        return self.state.view.query(self.period.span, self.caller)

    @property
    def reads_records(self) -> bool:
        """Whether a part of the page is read from the records."""
        groups = ((self.state.view.group,), self.state.group_by)
        return any(reads_records(self.query, group_by, self.state.measure) for group_by in groups)


@dataclass(frozen=True, slots=True)
class Found:
    """All cells of a page. Groups outside of those that are shown are one, named OTHER, in `series` and `cells`.

    `groups` has every group of the first dimension, cut where the comparison ends, and `sums` the same added up;
    `order` is these groups, largest first, `seconds` those of the second dimension. `series` is by the first dimension
    and piece, `cells` by both dimensions. Of the earlier period `before` is by piece and `previous` by group.
    """

    comparison: Comparison | None
    groups: list[Placed]
    sums: dict[str, Cell]
    order: list[str]
    series: list[Placed]
    seconds: list[str]
    cells: list[Placed]
    before: list[Placed]
    previous: list[Placed]

    @property
    def elapsed(self) -> list[Placed]:
        """What the earlier period is compared with, by group."""
        if self.comparison is None:
            return []
        end = self.comparison.current.end
        return [row for row in self.groups if row.bucket is not None and row.bucket < end]


def asked(request: PageRequest) -> Asked:
    """Reads the address. Raises nothing: what is not understood becomes a notice."""
    state, notices = read(dict(request.GET.lists()), reporting_zone())
    return Asked(state, state.view.choice.at(timezone.now()), request.caller, notices)


def found(question: Asked) -> Found:
    """The answer. Raises BadQuery.

    Where sums are kept, groups are ranked first, so that many of them are added up by the database piece by piece.
    Records and histograms are read once, with all groups by piece.
    """
    state, period, measure, query = question.state, question.period, question.state.measure, question.query
    first, comparison = state.view.group, compare(period)
    cut = [comparison.current.end] if comparison else []
    edges, halves, read = period.pieces + cut, [period.span.start, *cut], None
    if _reads_once(question, query):
        read = placed(query, (first,), measure, edges)
        groups = together(read, lambda row: (row.values, _half(row, halves)))
    else:
        groups = placed(query, (first,), measure, [*halves, period.span.end])
    sums = by_group(groups)
    order = ranked(measure, sums)
    top = shown(order, MOST_SERIES, spare=0)
    if read is None:
        series = placed(query, (first,), measure, edges, {first: top})
    else:
        series = together(read, lambda row: (row.values if row.values[0] in top else (OTHER,), row.bucket))
    seconds, cells = _by_both(question, order) if state.then else ([], groups)
    before, previous = _earlier(question, comparison, order) if comparison else ([], [])
    return Found(comparison, groups, sums, order, series, seconds, cells, before, previous)


def _half(row: Placed, starts: list[datetime]) -> datetime:
    """The last of the starts that a row does not lie before."""
    return max(start for start in starts if row.bucket is None or start <= row.bucket)


def _reads_once(question: Asked, query: UsageQuery) -> bool:
    """Whether one reading gives pieces and groups: of the records, and of histograms, which are longest."""
    measure = question.state.measure
    return measure.source is Source.HISTOGRAM or reads_records(query, (question.state.view.group,), measure)


def _by_both(question: Asked, order: list[str]) -> tuple[list[str], list[Placed]]:
    """The groups of the second dimension, largest first, and the cells of the table."""
    state, measure, query = question.state, question.state.measure, question.query
    first, second = state.view.group, state.then
    if reads_records(query, state.group_by, measure) or reads_records(query, (second,), measure):
        cells = placed(query, state.group_by, measure)
        return ranked(measure, by_group(replace(row, values=row.values[1:]) for row in cells)), cells
    seconds = ranked(measure, by_group(placed(query, (second,), measure)))
    top = {first: shown(order, state.rows), second: shown(seconds, MOST_COLUMNS)}
    return seconds, placed(query, state.group_by, measure, top=top)


def _earlier(question: Asked, comparison: Comparison, order: list[str]) -> tuple[list[Placed], list[Placed]]:
    """The earlier period by piece, and by the groups that are shown."""
    state, measure = question.state, question.state.measure
    first, query = state.view.group, state.view.query(comparison.previous, question.caller)
    if _reads_once(question, query):
        rows = placed(query, (first,), measure, comparison.pieces)
        return together(rows, lambda row: ((), row.bucket)), together(rows, lambda row: (row.values, None))
    top = {first: shown(order, state.rows)}
    return placed(query, (), measure, comparison.pieces), placed(query, (first,), measure, top=top)
