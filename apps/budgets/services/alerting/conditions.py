"""Alerts about things that hold for a while: raised once when they begin, resolved when they are over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Alert, AlertState
from apps.budgets.services.alerting.raising import raise_alerts, resolve_alerts


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that holds now; `subject` is what it is about."""

    subject: str
    severity: str
    title: str
    facts: Mapping[str, str]


@transaction.atomic
def keep(*, kind: str, found: Sequence[Condition], now: datetime) -> None:
    """Make the open alerts of a kind those that hold now. Another worker at the same kind makes this one do nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"bursar alerts {kind}"])
        if not cursor.fetchone()[0]:
            return
    standing = open_subjects(kind)
    begun = [one for one in found if one.subject not in standing]
    raise_alerts(crossings=[_crossing(kind, one, now) for one in begun], now=now)
    for subject in sorted(standing - {one.subject for one in found}):
        resolve_alerts(kind=kind, subject=subject, occurrences_prefix="", now=now)


def end_old(*, kind: str, raised_before: datetime, now: datetime) -> None:
    """Resolve what was raised before then, and tell nobody: time has passed, and nothing else has happened."""
    old = Alert.objects.open().filter(kind=kind, raised_at__lt=raised_before)
    old.update(state=AlertState.RESOLVED, resolved_at=now, changed_at=now)


def open_subjects(kind: str) -> set[str]:
    """What open alerts of this kind are about."""
    return set(Alert.objects.open().filter(kind=kind).values_list("subject", flat=True))


def _crossing(kind: str, one: Condition, now: datetime) -> Crossing:
    """Two workers that notice it within the same minute notice the same."""
    return Crossing(
        kind=kind,
        subject=one.subject[:255],
        occurrence=now.strftime("%Y-%m-%dT%H:%MZ"),
        severity=one.severity,
        title=one.title,
        facts=one.facts,
        budget_id=None,
        project_id=None,
    )
