"""Alerts for background work that is late, and for a disk that is nearly full.

A worker that is dead cannot tell: /healthz/background does that.
"""

from datetime import datetime, timedelta

from apps.budgets.models import Severity
from apps.budgets.services.alerting.conditions import Condition, keep
from controlplane.health import Check, background_checks, disk_check

KIND, DISK_KIND = "background_late", "disk_low"
_THIS = "Watch background"
_CATCHING_UP = timedelta(minutes=2)


def watch_background(*, now: datetime, began: datetime) -> None:
    """Raise an alert for each kind of work that is late, resolve it when it has caught up.

    When this very look is late, everything stood still, as on a machine that was off: what is due has only just begun
    again. The next look raises what has not caught up by then. So it is while the worker, which `began` then, is new:
    a restart of a minute would else be told as a dozen alerts, and once more as they resolve.
    """
    if now - began < _CATCHING_UP:
        return
    late = [check for check in background_checks(now) if check.level != "ok"]
    if any(check.name == _THIS for check in late):
        return
    keep(kind=KIND, found=[_condition(check) for check in late], now=now)


def watch_disk(*, now: datetime) -> None:
    """Raise an alert when the database's disk has little room, and resolve it when it has more again."""
    check = disk_check()
    facts = {"Room": check.words} if check else {}
    low = check is not None and check.level != "ok"
    found = [Condition("Disk", Severity.CRITICAL, "The database's disk is nearly full", facts)] if low else []
    keep(kind=DISK_KIND, found=found, now=now)


def _condition(check: Check) -> Condition:
    since = f"{check.since:%Y-%m-%d %H:%M} UTC" if check.since else "never"
    facts = {"Work": check.name, "Last done": since, "What is known": check.words}
    return Condition(check.name, Severity.WARNING, f"Background work is late: {check.name.lower()}", facts)
