"""Making forecasts anew, and what their thresholds do."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.budgets.domain.forecasting import Forecast
from apps.budgets.models import Budget, Counter, StoredForecast
from apps.budgets.selectors.forecasts import can_forecast, outlook
from apps.budgets.selectors.matching import Rule, rules_of
from apps.budgets.selectors.spending import TooMuch
from apps.budgets.selectors.standing import state_of
from apps.budgets.services.crossing import note_crossings

_SMALLEST = Decimal(1).scaleb(-15)
_ERROR_STEP = Decimal("0.0001")
_HIGHEST_ERROR = Decimal(9_999_999)


def make_forecasts(*, now: datetime) -> int:
    """Forecast the present period of every standing budget that allows it; how many have one. Safe to run twice."""
    made = 0
    for rule in rules_of(Budget.objects.standing().filter(paused_at=None).order_by("id")):
        if can_forecast(rule):
            made += forecast_budget(rule=rule, now=now)
    return made


def forecast_budget(*, rule: Rule, now: datetime) -> bool:
    """Keep the forecast of one budget, or that there is none, and note levels of the forecast that begin or end."""
    span = rule.cycle.span(now)
    counter = Counter.objects.filter(budget_id=rule.id, each_value="", period_start=span.start).first()
    if counter is None:
        return False
    try:
        found = outlook(rule, span, spent=counter.spent, limit=counter.limit, now=now)
    except TooMuch:
        return False
    with transaction.atomic():
        locked = Counter.objects.select_for_update(no_key=True).get(id=counter.pk)
        _keep(locked, found.forecast if found else None, now)
        # What is no longer known holds no level.
        total = found.forecast.total if found else Decimal(0)
        note_crossings(
            states=[state_of(rule, span, locked)], rules={rule.id: rule}, now=now, forecasts={locked.pk: total}
        )
    return found is not None


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
