"""Alerts about things that hold for a while: raised once when they begin, resolved when they are over."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import connection, transaction

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Alert, AlertState
from apps.budgets.services.alerting.raising import raise_alerts, resolve_alerts

LONGEST_SUBJECT = 255
T = TypeVar("T")


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
    begun = [one for one in found if stored_subject(one.subject) not in standing]
    raise_alerts(crossings=[_crossing(kind, one, now) for one in begun], now=now)
    for subject in sorted(standing - {stored_subject(one.subject) for one in found}):
        resolve_alerts(kind=kind, subject=subject, occurrences_prefix="", now=now)


def end_old(*, kind: str, raised_before: datetime, now: datetime) -> None:
    """Resolve what was raised before then, and tell nobody: time has passed, and nothing else has happened."""
    old = Alert.objects.open().filter(kind=kind, raised_at__lt=raised_before)
    old.update(state=AlertState.RESOLVED, resolved_at=now, changed_at=now)


def stored_subject(subject: str) -> str:
    """What an alert is about as it is stored: of a long name the beginning, and what tells it from its like."""
    if len(subject) <= LONGEST_SUBJECT:
        return subject
    mark = hashlib.sha256(subject.encode()).hexdigest()[:16]
    return f"{subject[: LONGEST_SUBJECT - len(mark) - 1]}#{mark}"


def first_ones(found: Iterable[T], subject: Callable[[T], str], *, kind: str, most: int) -> list[T]:
    """So many of these at most: those that have an alert already, then the first. Else they would take turns."""
    standing, ordered = open_subjects(kind), list(found)
    ordered.sort(key=lambda one: stored_subject(subject(one)) not in standing)
    return ordered[:most]


def open_subjects(kind: str) -> set[str]:
    """What open alerts of this kind are about."""
    return set(Alert.objects.open().filter(kind=kind).values_list("subject", flat=True))


def _crossing(kind: str, one: Condition, now: datetime) -> Crossing:
    """Two workers that notice it within the same minute notice the same."""
    return Crossing(
        kind=kind,
        subject=stored_subject(one.subject),
        occurrence=now.strftime("%Y-%m-%dT%H:%MZ"),
        severity=one.severity,
        title=one.title,
        facts=one.facts,
        budget_id=None,
        project_id=None,
    )
