"""Alerts that need no budget: a provider that fails, usage without a price, price lists that disagree."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Severity
from apps.budgets.selectors.failing import provider_errors
from apps.budgets.services.alerting.conditions import Condition, end_old, keep, open_subjects
from apps.budgets.services.alerting.raising import raise_alerts
from apps.costs.domain.formats import count, money, percent
from apps.costs.selectors.metrics import UsageQuery
from apps.costs.selectors.price_lists import comparisons
from apps.costs.selectors.spend_hours import Anomaly, recent_anomalies
from apps.costs.selectors.unpriced import waiting_names

PROVIDER_DOWN, UNPRICED, DISAGREEMENT = "provider_down", "unpriced_usage", "price_disagreement"
ANOMALY = "anomaly"
UNUSUAL_FOR = timedelta(hours=24)
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
            subject=f"{one.provider}/{one.name}",
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
        for one in waiting_names(None)[: settings.ALERT_UNPRICED_NAMES]
    ]


def disagreeing_lists(now: datetime) -> list[Condition]:
    """Models in use on whose price the two public lists differ by what is worth looking at."""
    least, found = Decimal(settings.ALERT_PRICE_GAP_USD), []
    for row in comparisons(used_only=True)[:MOST_DISAGREEMENTS]:
        gap = abs((row.second_usd or Decimal(0)) - (row.first_usd or Decimal(0)))
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
        found.append(Condition(f"{row.provider}/{row.name}", Severity.INFO, title, facts))
    return found


def tell_unusual_spend(*, now: datetime) -> None:
    """Raise an alert for hours that cost far more than usual, once; a day later it is history and ends in silence."""
    found = recent_anomalies(UsageQuery(start=now, end=now), now=now)
    raise_alerts(crossings=[_unusual(one) for one in found if now - one.end < UNUSUAL_FOR], now=now)
    end_old(kind=ANOMALY, raised_before=now - UNUSUAL_FOR, now=now)


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
