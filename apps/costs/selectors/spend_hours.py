"""Spend by the hour over the last weeks, what is unusual in it, and what explains that."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from apps.costs.domain import anomalies, forecasting
from apps.costs.domain.anomalies import WEEK, WEEKS, Driver, Event
from apps.costs.domain.forecasting import Week
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import UsageQuery

HOUR = timedelta(hours=1)
LOOKED_AT = WEEK
"""Hours in which anomalies are looked for: the last week."""
EXPLAINED_BY = ("model", "agent", "tool", "task_type")
_ZERO = Decimal(0)
_MOST_REMEMBERED = 64
_remembered: dict[tuple[object, ...], tuple[float, list["Anomaly"]]] = {}


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Hours [start, end) that cost far more than usual, and the group of each dimension that explains it best."""

    start: datetime
    end: datetime
    event: Event
    drivers: tuple[tuple[str, Driver], ...]


def hour_of(now: datetime) -> datetime:
    """The beginning of the hour that is running. UTC hours: what is compared lies whole weeks apart."""
    return now.replace(minute=0, second=0, microsecond=0)


def spend_by_hour(query: UsageQuery, *, until: datetime, hours: int) -> list[Decimal]:
    """What each of so many hours before `until` cost, oldest first, with the filters of a query but not its time."""
    start = until - HOUR * hours
    edges = [start + HOUR * number for number in range(hours + 1)]
    rows = metrics.grouped(replace(query, start=start, end=until), (), edges=edges, only=("cost_usd",))
    by_start = {row.bucket: row.totals.cost_usd for row in rows}
    return [by_start.get(edge, _ZERO) for edge in edges[:-1]]


def spend_by_week(query: UsageQuery, *, running: datetime, to_come: int) -> list[Week]:
    """The last four weeks, newest first, each from the hour of the week on that is running; with a query's filters.

    Only these three sums of a week are asked for: folded days have most of them.
    """
    starts = [running - timedelta(weeks=number) for number in range(1, forecasting.WEEKS + 1)]
    part = HOUR * forecasting.part_of_week(to_come)
    edges = sorted({edge for start in starts for edge in (start, start + HOUR, start + part)} | {running})
    rows = metrics.grouped(replace(query, start=starts[-1], end=running), (), edges=edges, only=("cost_usd",))
    spent = {row.bucket: row.totals.cost_usd for row in rows if row.bucket is not None}

    def between(start: datetime, end: datetime) -> Decimal:
        return sum((usd for begin, usd in spent.items() if start <= begin < end), _ZERO)

    return [
        Week(between(start, start + HOUR), between(start, start + part), between(start, start + timedelta(weeks=1)))
        for start in starts
    ]


def recent_anomalies(query: UsageQuery, *, now: datetime) -> list[Anomaly]:
    """What was unusual in the last seven days, dearest first, of all usage in the projects a query sees.

    Looked for at most every ANOMALY_SECONDS, in hours that are over.
    """
    until = hour_of(now)
    key = (query.project_ids, query.include_demo, until)
    known = _remembered.get(key)
    if known and time.monotonic() - known[0] < settings.ANOMALY_SECONDS:
        return known[1]
    whole = replace(query, filters={})
    series = spend_by_hour(whole, until=until, hours=WEEK * WEEKS + LOOKED_AT + 1)
    least = Decimal(settings.ANOMALY_LEAST_USD)
    found = anomalies.events(series, since=len(series) - LOOKED_AT, least=least)
    dearest = sorted(found, key=lambda event: -event.excess)[: settings.ANOMALIES_SHOWN]
    told = [_explained(whole, event, until - HOUR * len(series)) for event in dearest]
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[key] = (time.monotonic(), told)
    return told


def forget() -> None:
    """Forget what was found. For tests, whose databases change under the process."""
    _remembered.clear()


def _explained(query: UsageQuery, event: Event, begin: datetime) -> Anomaly:
    start, end = begin + HOUR * event.first, begin + HOUR * event.end
    drivers = []
    for dimension in EXPLAINED_BY:
        spent = _by(query, dimension, start, end)
        before = [_by(query, dimension, *span) for span in _weeks_before(start, end, begin)]
        best = anomalies.drivers(spent, before, excess=event.excess)
        drivers += [(dimension, driver) for driver in best]
    return Anomaly(start, end, event, tuple(drivers))


def _weeks_before(start: datetime, end: datetime, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
    for week in range(1, WEEKS + 1):
        back = timedelta(weeks=week)
        if start - back >= begin:
            yield start - back, end - back


def _by(query: UsageQuery, dimension: str, start: datetime, end: datetime) -> dict[str, Decimal]:
    rows: Sequence[metrics.GroupRow] = metrics.grouped(
        replace(query, start=start, end=end), (dimension,), edges=(), only=("cost_usd",)
    )
    return {row.values[0]: row.totals.cost_usd for row in rows}
