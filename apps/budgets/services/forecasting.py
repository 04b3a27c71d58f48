"""Making forecasts anew, and what their thresholds do."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.budgets.domain.cycles import Span
from apps.budgets.domain.forecasting import Forecast
from apps.budgets.models import Budget, Counter, StoredForecast
from apps.budgets.selectors.forecasts import outlooks, why_none
from apps.budgets.selectors.matching import Rule, rules_of
from apps.budgets.selectors.spending import TooMuch
from apps.budgets.selectors.standing import state_of
from apps.budgets.services.crossing import note_crossings

_SMALLEST = Decimal(1).scaleb(-15)
_ERROR_STEP = Decimal("0.0001")
_HIGHEST_ERROR = Decimal(9_999_999)


def make_forecasts(*, now: datetime) -> int:
    """Forecast the present period of every standing budget that allows it; how many counters have one.

    Of a budget with many counters those are forecast that have the least left. Safe to run twice.
    """
    made = 0
    for rule in rules_of(Budget.objects.standing().filter(paused_at=None).order_by("id")):
        if not why_none(rule):
            made += forecast_budget(rule=rule, now=now)
    return made


def forecast_budget(*, rule: Rule, now: datetime) -> int:
    """Keep the forecasts of one budget, or that there are none, and note levels of the forecast that begin or end."""
    span = rule.cycle.span(now)
    counters = _riskiest(rule, span)
    if not counters:
        return 0
    try:
        asked = {one.each_value: (one.carried + one.spent, one.limit) for one in counters}
        found = outlooks(rule, span, asked, now=now)
    except TooMuch:
        return 0
    known = StoredForecast.objects.filter(counter__budget_id=rule.id, counter__period_start=span.start)
    left = Counter.objects.filter(forecast__in=known).exclude(id__in=[one.pk for one in counters])
    for counter in sorted((*counters, *left), key=lambda one: one.pk):
        with transaction.atomic():
            locked = Counter.objects.select_for_update(no_key=True).get(id=counter.pk)
            one = found.get(counter.each_value)
            _keep(locked, one.forecast if one else None, now)
            # What is no longer known holds no level.
            total = one.forecast.total if one else Decimal(0)
            note_crossings(
                states=[state_of(rule, span, locked)], rules={rule.id: rule}, now=now, forecasts={locked.pk: total}
            )
    return len(found)


def _riskiest(rule: Rule, span: Span) -> list[Counter]:
    """The counters of the present period that have the least left."""
    used = (F("carried") + F("spent") + F("reserved")) / F("limit")
    counters = Counter.objects.filter(budget_id=rule.id, period_start=span.start)
    return list(counters.order_by(used.desc(), "id")[: settings.FORECAST_COUNTERS])


def _keep(counter: Counter, found: Forecast | None, now: datetime) -> None:
    if found is None:
        StoredForecast.objects.filter(counter=counter).delete()
        return
    StoredForecast.objects.update_or_create(
        counter=counter,
        defaults={
            "total": found.total.quantize(_SMALLEST),
            "low": found.low.quantize(_SMALLEST),
            "high": found.high.quantize(_SMALLEST),
            "error": min(found.error, _HIGHEST_ERROR).quantize(_ERROR_STEP),
            "tests": found.tests,
            "runs_out_at": found.runs_out_at,
            "made_at": now,
        },
    )
