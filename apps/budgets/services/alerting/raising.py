"""Raising and resolving alerts: one row per crossing, and in the same transaction what is to be told about it."""

import json
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.budgets.domain.crossings import Crossing
from apps.budgets.models import Alert, AlertState, Announcement, Event
from apps.budgets.models.alerts import AlertQuerySet

_RAISE = """
    WITH raised AS (
        INSERT INTO budgets_alert (kind, subject, occurrence, severity, title, facts, budget_id, project_id, mails,
                                   state, raised_at, changed_at, changed_by)
        SELECT kind, subject, occurrence, severity, title, facts::jsonb, budget_id, project_id, mails,
               'firing', %(now)s, %(now)s, ''
        FROM unnest(%(kind)s::text[], %(subject)s::text[], %(occurrence)s::text[], %(severity)s::text[],
                    %(title)s::text[], %(facts)s::text[], %(budget_id)s::bigint[], %(project_id)s::bigint[],
                    %(mails)s::boolean[])
             AS c(kind, subject, occurrence, severity, title, facts, budget_id, project_id, mails)
        ON CONFLICT (kind, subject, occurrence) DO NOTHING
        RETURNING *
    ), told AS (
        INSERT INTO budgets_announcement (alert_id, event, number, made_at)
        SELECT id, 'raised', 0, %(now)s FROM raised WHERE mails
    )
    SELECT * FROM raised ORDER BY id
"""


def raise_alerts(*, crossings: Sequence[Crossing], now: datetime) -> list[Alert]:
    """Write an alert and its announcement for each crossing that was never seen before, and return those alerts.

    One statement, in the caller's transaction if there is one: an alert stands exactly if what crossed the line does.
    """
    if not crossings:
        return []
    # All writers take the keys in this order, so that two batches never wait for each other in a circle.
    ordered = sorted(crossings, key=lambda one: (one.kind, one.subject, one.occurrence))
    columns = {
        name: [getattr(one, name) for one in ordered]
        for name in ("kind", "subject", "occurrence", "severity", "title", "budget_id", "project_id", "mails")
    }
    facts = [json.dumps(list(one.facts.items()), ensure_ascii=False) for one in ordered]
    return list(Alert.objects.raw(_RAISE, columns | {"facts": facts, "now": now}))


@transaction.atomic
def resolve_alerts(
    *,
    kind: str,
    subject: str,
    occurrences_prefix: str,
    occurrences_suffix: str = "",
    told_before: datetime | None = None,
    now: datetime,
) -> list[Alert]:
    """End the open alerts about a subject whose occurrence begins and ends so, tell who was told, and return them.

    What was raised at `told_before` or later was over from its beginning: of its end nobody has to hear.
    """
    asked = {"occurrence__startswith": occurrences_prefix, "occurrence__endswith": occurrences_suffix}
    return _end(Alert.objects.filter(kind=kind, subject=subject, **asked), now, told_before)


@transaction.atomic
def resolve_alerts_of_budget(*, kind: str, budget_id: int, now: datetime) -> list[Alert]:
    """End all open alerts of this kind of a budget, and return them; tell who was told."""
    return _end(Alert.objects.filter(kind=kind, budget_id=budget_id), now)


def _end(alerts: AlertQuerySet, now: datetime, told_before: datetime | None = None) -> list[Alert]:
    ended = list(alerts.open().select_for_update().order_by("id"))
    Alert.objects.filter(id__in=[alert.pk for alert in ended]).update(
        state=AlertState.RESOLVED, resolved_at=now, changed_at=now
    )
    for alert in ended:
        alert.state, alert.resolved_at, alert.changed_at = AlertState.RESOLVED, now, now
    Announcement.objects.bulk_create(
        [
            Announcement(alert=alert, event=Event.RESOLVED, made_at=now)
            for alert in ended
            if alert.mails and (told_before is None or alert.raised_at < told_before)
        ],
        ignore_conflicts=True,
    )
    return ended
