"""One request for Explore, resolved: the state, the period, and every cell the page shows."""

from dataclasses import dataclass

from django.utils import timezone

from apps.access.domain.identity import Caller
from apps.access.pages import PageRequest
from apps.costs.domain.periods import Comparison, Period, compare
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.reporting import reporting_zone
from controlplane.explore.cells import Placed, placed, reads_records
from controlplane.explore.state import Explored, read


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
    """All cells of a page: by the first dimension over time, before and now, and by both."""

    comparison: Comparison | None
    series: list[Placed]
    elapsed: list[Placed]
    previous: list[Placed]
    groups: list[Placed]


def asked(request: PageRequest) -> Asked:
    """Reads the address. Raises nothing: what is not understood becomes a notice."""
    state, notices = read(dict(request.GET.lists()), reporting_zone())
    return Asked(state, state.view.choice.at(timezone.now()), request.caller, notices)


def found(question: Asked) -> Found:
    """The answer, at most three questions to the selectors. Raises BadQuery."""
    state, period, measure = question.state, question.period, question.state.measure
    first, comparison = (state.view.group,), compare(period)
    edges = period.pieces + ([comparison.current.end] if comparison else [])
    series = placed(question.query, first, measure, edges)
    previous, elapsed = [], []
    if comparison:
        before = state.view.query(comparison.previous, question.caller)
        previous = placed(before, first, measure, comparison.pieces)
        elapsed = [row for row in series if row.bucket is not None and row.bucket < comparison.current.end]
    groups = placed(question.query, state.group_by, measure) if state.then else series
    return Found(comparison, series, elapsed, previous, groups)
