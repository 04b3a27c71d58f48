"""Stored decisions: one by its id, those of a conversation, and the calls they led to."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.access.domain.identity import Caller
from apps.costs.selectors import metrics
from apps.costs.selectors.records import usage_page
from apps.routing.models import Decision
from apps.routing.selectors.told_to import told_to

LED_TO = timedelta(days=1)
"""How long after a decision its calls are looked for."""


def decision(rows: Sequence[int], decision_id: str) -> Decision | None:
    """One decision: that of the first of these rows of a project which has one of this id."""
    found = Decision.objects.filter(project_id__in=rows, decision_id=decision_id)
    return min(found, key=lambda one: rows.index(one.project_id), default=None)


def calls_of(found: Decision, *, project: str, limit: int = 50) -> Sequence[dict[str, Any]]:
    """The calls a decision led to, newest first: those that named it within a day.

    `project` is what usage that belongs to it names as its project, in which its id is unique.
    """
    filters: dict[str, tuple[str, ...]] = {"project": (project,)}
    if found.conversation_id:
        filters["conversation"] = (found.conversation_id,)
    query = metrics.UsageQuery(
        found.created_at - timedelta(minutes=5), found.created_at + LED_TO, include_demo=True, filters=filters
    )
    records = usage_page(query, limit=500).records
    calls = [one for one in records if one["decision_id"] == found.decision_id and one["sent_project"] == project]
    return calls[:limit]


def why_of_conversation(caller: Caller, project_id: int, conversation_id: str) -> dict[str, dict[str, Any]]:
    """Why each decision of a conversation chose as it did, as a caller may read it, by its id."""
    rows = Decision.objects.filter(conversation_id=conversation_id, project_id=project_id).order_by("created_at")[:1000]
    return {
        row.decision_id: {
            "decision_id": row.decision_id,
            "created_at": row.created_at,
            "action": row.action,
            "tier": row.tier,
            "provider": row.provider,
            "model": row.model,
            "score": row.score,
            "reason_code": row.reason_code,
            "reason": told_to(caller, row.answer)["reason"],
        }
        for row in rows
    }


def tiers_of_decisions(ids: Collection[str]) -> dict[tuple[int, str], str]:
    """The tier that each of these decisions chose, by project and id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT project_id, decision_id, tier FROM routing_decision WHERE decision_id = ANY(%s) AND tier <> ''",
            [list(ids)],
        )
        return {(project, identity): tier for project, identity, tier in cursor.fetchall()}


def answer_of(project_id: int, decision_id: str) -> tuple[str, dict[str, Any]] | None:
    """The fingerprint and the answer of a stored decision."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fingerprint::text, answer FROM routing_decision WHERE project_id = %s AND decision_id = %s",
            [project_id, decision_id],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], json.loads(row[1]))


def newest(*, since: datetime, limit: int, project_ids: frozenset[int] | None) -> Sequence[Decision]:
    """The newest decisions since an instant, of the projects one may see."""
    rows = Decision.objects.filter(created_at__gte=since).order_by("-created_at")
    if project_ids is not None:
        rows = rows.filter(project_id__in=project_ids)
    return list(rows.defer("features")[:limit])
