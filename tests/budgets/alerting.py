"""Crossings, alerts and channels as tests want them."""

from datetime import datetime
from typing import Any

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Alert, Audience, Budget, Channel
from apps.budgets.services.alerting.raising import raise_alerts


def crossing(number: int = 1, **values: Any) -> Crossing:
    """A budget that has reached 80 %."""
    usual: dict[str, Any] = {
        "kind": "budget_threshold",
        "subject": f"budget:{number}",
        "occurrence": "2026-11-01 actual 80%",
        "severity": "warning",
        "title": f"Budget {number} is at 80 %",
        "facts": {"Spent": "$401.20", "Limit": "$500.00"},
        "budget_id": number,
        "project_id": None,
    }
    return Crossing(**usual | values)


def raised(now: datetime, number: int = 1, **values: Any) -> Alert:
    """An alert that has just been raised."""
    (alert,) = raise_alerts(crossings=[crossing(number, **values)], now=now)
    return alert


def audience(**values: Any) -> Audience:
    """Who is told: owners, unless said otherwise."""
    return Audience.objects.create(**{"roles": ["owner"], **values})


def channel(url: str = "https://example.org/hook", **values: Any) -> Channel:
    """A webhook that everybody's alerts go to."""
    made = Channel.objects.create(**{"kind": "webhook", "name": "Ops", "url": url, "nonce": "n1", **values})
    (Audience.objects.first() or audience(roles=[])).channels.add(made)
    return made


def budget_with_page(number: int = 1) -> Budget:
    """The budget that `crossing(number)` is about."""
    return Budget.objects.create(id=number, name=f"Budget {number}", limit="500", period="month")
