"""What the Overview says beyond its sums: the forecast, how tasks went, when prices changed, what wants attention."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.urls import reverse

from apps.access.domain.identity import Caller
from apps.costs.domain.calendars import add_months, day_name, day_start, piece_title, wall_of
from apps.costs.domain.forecasting import Forecast, forecast
from apps.costs.domain.formats import Delta, delta, money, percent
from apps.costs.domain.periods import Comparison, Period, Preset
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import TaskTotals, UsageQuery
from apps.costs.selectors.price_marks import price_marks
from apps.costs.selectors.spend_hours import HOUR, Anomaly, hour_of, recent_anomalies, spend_by_week
from apps.routing.selectors.policies import published_between
from controlplane.viewstate import DIMENSIONS, NO_VALUE, ViewState, dimension_name

MOST_POLICIES = 20


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast of a period; `by` names the day at whose end it holds."""

    forecast: Forecast
    by: str


def outlook(period: Period, query: UsageQuery, so_far: Decimal) -> Outlook | None:
    """What a running period will have cost at its end; of a month to date, at the end of the month.

    None for periods that are over, for the last 24 hours, and while there are not two weeks to tell it from.
    """
    if not period.is_partial or period.choice.preset is Preset.HOURS_24:
        return None
    is_month = period.choice.preset is Preset.MONTH_TO_DATE
    end = day_start(add_months(period.first, 1), period.zone) if is_month else period.span.end
    running = hour_of(period.now)
    to_come = max(0, -(-(end - running - HOUR) // HOUR))
    weeks = spend_by_week(query, running=running, to_come=to_come)
    left = Decimal((running + HOUR - period.now) // timedelta(seconds=1)) / 3600
    found = forecast(so_far, weeks, to_come=to_come, rest_of_hour=left)
    last = wall_of(end - timedelta(microseconds=1), period.zone).date()
    return Outlook(found, day_name(last)) if found else None


@dataclass(frozen=True, slots=True)
class TaskFigure:
    """How tasks went, and what one that succeeded cost now and before."""

    totals: TaskTotals
    moved: Delta | None
    was: Decimal | None
    failed_url: str


def task_figure(state: ViewState, period: Period, caller: Caller, comparison: Comparison | None) -> TaskFigure:
    """The tasks that began in the period, beside those of the same part of the earlier one."""
    span, cut = period.span, comparison.current.end if comparison else period.span.end
    rows = metrics.tasks_by(state.query(span, caller), (), edges=sorted({span.start, cut, span.end}))
    usual = metrics.task_totals(row.totals for row in rows if row.bucket is not None and row.bucket < cut)
    current = usual.usd_per_success
    before = (
        metrics.tasks_by(state.query(comparison.previous, caller), ()) if comparison and current is not None else []
    )
    was = metrics.task_totals(row.totals for row in before).usd_per_success
    return TaskFigure(
        metrics.task_totals(row.totals for row in rows),
        delta(current, was) if current is not None and was is not None else None,
        was,
        state.url(reverse("conversations"), outcome="failed"),
    )


@dataclass(frozen=True, slots=True)
class ChartMark:
    """A change of prices or of the routing policy on the chart: in which piece, and what it was."""

    piece: int
    title: str
    words: str
    url: str


def chart_marks(period: Period) -> list[ChartMark]:
    """The changes of prices and of the routing policy within a period, oldest first."""
    start, end = period.span.start, min(period.span.end, period.now)
    marks = []
    for at, words, url in sorted([*_price_changes(start, end), *_policy_changes(start, end)]):
        piece = max(index for index, begin in enumerate(period.pieces[:-1]) if begin <= at)
        marks.append(ChartMark(piece, piece_title(period.pieces[piece], period.unit, period.zone), words, url))
    return marks


def _price_changes(start: datetime, end: datetime) -> Iterator[tuple[datetime, str, str]]:
    for mark in price_marks(start, end):
        url = reverse("costs:price", args=[mark.model_id]) if mark.model_id else reverse("costs:prices")
        yield mark.at, mark.words, url


def _policy_changes(start: datetime, end: datetime) -> Iterator[tuple[datetime, str, str]]:
    for one in published_between(start, end, most=MOST_POLICIES):
        if one.version is not None and one.published_at is not None:
            words = f"routing policy, version {one.version}" + (f": {one.note}" if one.note else "")
            yield one.published_at, words, reverse("routing:version", args=[one.version])


@dataclass(frozen=True, slots=True)
class Attention:
    """One line of the strip: a level, what is the matter, where to look, and its entry on the page of formulas."""

    level: str
    word: str
    words: str
    url: str
    label: str
    how: str = ""


def anomaly_lines(state: ViewState, caller: Caller, period: Period) -> list[Attention]:
    """Unusual hours of the last week, each with what explains it and a link to those hours."""
    query = state.query(period.span, caller)
    return [_line(one, state, period.zone) for one in recent_anomalies(query, now=period.now)]


def _line(one: Anomaly, state: ViewState, zone: ZoneInfo) -> Attention:
    start, end = wall_of(one.start, zone), wall_of(one.end, zone)
    when = f"{day_name(start.date())}, {start:%H:%M} to {end:%H:%M}"
    why = [
        f"{dimension_name(name).lower()} {driver.name or NO_VALUE} explains {percent(driver.share, 1)}"
        for name, driver in one.drivers
    ]
    reasons = "; ".join(why)
    words = f"{when}: {money(one.event.spent)}, usually {money(one.event.usual)}. {reasons[:1].upper()}{reasons[1:]}"
    end_of_words = "." if why else ""
    return Attention(
        "warn", "Unusual spend", words.rstrip() + end_of_words, _hours_url(state, one, zone), "Look", "anomalies"
    )


def _hours_url(state: ViewState, one: Anomaly, zone: ZoneInfo) -> str:
    """The day of an event by the hour, grouped by what explains it best."""
    first, last = wall_of(one.start, zone).date(), wall_of(one.end - timedelta(seconds=1), zone).date()
    choice = replace(state.choice, preset=Preset.CUSTOM, first=first, last=last, unit=None)
    group = max(one.drivers, key=lambda pair: pair[1].share)[0] if one.drivers else "model"
    page = "overview" if group in DIMENSIONS else "explore"
    return replace(state, choice=choice, group=group, filters=()).url(reverse(page))
