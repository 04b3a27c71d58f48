"""Alerts that need no budget: a provider that fails, usage without a price, price lists that disagree."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Alert, Severity
from apps.budgets.selectors.failing import provider_errors
from apps.budgets.services.alerting.conditions import (
    Condition,
    end_old,
    first_ones,
    keep,
    open_subjects,
    stored_subject,
)
from apps.budgets.services.alerting.raising import raise_alerts
from apps.costs.domain.formats import count, money, percent
from apps.costs.models import ListComparison
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.price_lists import comparisons
from apps.costs.selectors.spend_hours import Anomaly, recent_anomalies
from apps.costs.selectors.unpriced import Waiting, waiting_names

PROVIDER_DOWN, UNPRICED, DISAGREEMENT = "provider_down", "unpriced_usage", "price_disagreement"
ANOMALY = "anomaly"
UNUSUAL_FOR = timedelta(hours=24)
SAME_WITHIN = timedelta(hours=3)
MOST_DISAGREEMENTS = 20


def watch(*, now: datetime) -> int:
    """Look at everything, and raise or resolve what has changed. Returns how many conditions hold."""
    holding = 0
    for kind, look in _LOOKS.items():
        found = look(now)
        keep(kind=kind, found=found, now=now)
        holding += len(found)
    tell_unusual_spend(now=now)
    return holding


def failing_providers(now: datetime) -> list[Condition]:
    """Providers of whose calls too many fail. One that failed does so until fewer than half as many do."""
    standing, most = open_subjects(PROVIDER_DOWN), settings.ALERT_PROVIDER_ERROR_PERCENT
    found = []
    for one in provider_errors(now):
        stands = one.provider in standing and 2 * one.percent >= most
        if stands or (one.calls >= settings.ALERT_PROVIDER_CALLS and one.percent >= most):
            facts = {
                "Provider": one.provider,
                "Failed": f"{count(one.errors)} of {count(one.calls)} calls ({one.percent} %)",
                "Since": f"{one.since:%Y-%m-%d %H:%M} UTC",
                "Alerted from": f"{most} % of at least {settings.ALERT_PROVIDER_CALLS} calls",
            }
            title = f"{one.provider} fails: {one.percent} % of {count(one.calls)} calls"
            found.append(Condition(one.provider, Severity.CRITICAL, title, facts))
    return found


def unpriced_usage(now: datetime) -> list[Condition]:
    """Names that calls wait under without a price: their cost is in no sum."""
    return [
        Condition(
            subject=_name_of(one),
            severity=Severity.WARNING,
            title=f"{one.name} has no price: the cost of {count(one.calls)} call{'s'[: one.calls != 1]} is unknown",
            facts={
                "Model": f"{one.provider}/{one.name}" if one.provider else one.name,
                "Calls": count(one.calls),
                "Tokens": count(one.tokens),
                "First call": f"{one.first_at:%Y-%m-%d %H:%M} UTC",
                "Projects": ", ".join(one.projects[:5]) + (" and others" if len(one.projects) > 5 else ""),
                "What to do": "Give it a price on the page Unpriced, then re-rate what waits.",
            },
        )
        for one in first_ones(waiting_names(None), _name_of, kind=UNPRICED, most=settings.ALERT_UNPRICED_NAMES)
    ]


def disagreeing_lists(now: datetime) -> list[Condition]:
    """Models in use on whose price the two public lists differ by what is worth looking at, until it is half of that.

    Thirty days slide: by one bound alone, use that is about there would be told again and again.
    """
    standing, found = open_subjects(DISAGREEMENT), []
    for row in first_ones(comparisons(used_only=True), _name_of, kind=DISAGREEMENT, most=MOST_DISAGREEMENTS):
        gap = abs((row.second_usd or Decimal(0)) - (row.first_usd or Decimal(0)))
        least = Decimal(settings.ALERT_PRICE_GAP_USD) / (2 if stored_subject(_name_of(row)) in standing else 1)
        if row.first_usd is None or row.second_usd is None or gap < least:
            continue
        facts = {
            "Model": f"{row.provider}/{row.name}",
            "By one list": money(row.first_usd),
            "By the other": money(row.second_usd),
            "Calls in 30 days": count(row.calls),
            "Differs most": row.unit.replace("_", " "),
        }
        title = f"The price lists disagree on {row.name}: {money(gap)} in 30 days"
        found.append(Condition(_name_of(row), Severity.INFO, title, facts))
    return found


def _name_of(one: Waiting | ListComparison) -> str:
    return f"{one.provider}/{one.name}"


def tell_unusual_spend(*, now: datetime) -> None:
    """Raise an alert for hours that cost far more than usual, once; a day later it is history and ends in silence.

    Hours that begin within, or soon after, ones that were told go with those: late records and re-rating move the
    bounds, and spending that stumbles is one thing to look at.
    """
    found = recent_anomalies(UsageQuery(start=now, end=now), now=now)
    news = sorted((one for one in found if now - one.end < UNUSUAL_FOR), key=lambda one: one.start)
    told = [datetime.fromisoformat(text) for text in _told_hours(now)]
    for one in news:
        if not any(one.start - SAME_WITHIN < start < one.end for start in told):
            raise_alerts(crossings=[_unusual(one)], now=now)
            told.append(one.start)
    end_old(kind=ANOMALY, raised_before=now - UNUSUAL_FOR, now=now)


def _told_hours(now: datetime) -> list[str]:
    recent = Alert.objects.filter(kind=ANOMALY, raised_at__gte=now - 2 * UNUSUAL_FOR - timedelta(days=7))
    return list(recent.values_list("occurrence", flat=True))


def _unusual(one: Anomaly) -> Crossing:
    hours = f"{one.start:%Y-%m-%d %H:%M} to {one.end:%H:%M} UTC"
    drivers = {
        f"Explained by {name.replace('_', ' ')}": f"{driver.name or 'none'} ({percent(driver.share, 1)} of it)"
        for name, driver in one.drivers
    }
    return Crossing(
        kind=ANOMALY,
        subject="spend",
        occurrence=one.start.isoformat(),
        severity=Severity.WARNING,
        title=f"Spend is unusual: {money(one.event.excess)} more than expected, {hours}",
        facts={"Hours": hours, "More than expected": money(one.event.excess), **drivers},
        budget_id=None,
        project_id=None,
    )


_LOOKS: dict[str, Callable[[datetime], list[Condition]]] = {
    PROVIDER_DOWN: failing_providers,
    UNPRICED: unpriced_usage,
    DISAGREEMENT: disagreeing_lists,
}
