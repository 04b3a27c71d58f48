"""Counters of conversations that were heard of lately. The others are over, though nothing ever says so."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from apps.costs.domain.coarse import hour_of

_SHARE = '(c.carried + c.spent + c.reserved) / c."limit"'
_FROM = """
    FROM costs_conversationtotal t JOIN budgets_counter c
        ON c.budget_id = %(budget)s AND c.each_value = t.project_id || ':' || t.conversation_id
"""
_SINCE = f"t.last_at >= %(since)s AND t.last_hour >= {hour_of('%(since)s')}"
"""The second follows from the first, but only it can use an index."""


def idle_since(now: datetime) -> datetime:
    """A conversation that was not heard of since then is over."""
    return now - timedelta(hours=settings.CONVERSATION_IDLE_HOURS)


def tightest_lively(budget_id: int, *, now: datetime, most: int) -> tuple[list[int], int]:
    """The counters that have the least left, by id, and how many are lively."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id, count(*) OVER () {_FROM} WHERE {_SINCE} ORDER BY {_SHARE} DESC, c.id LIMIT %(most)s",
            {"budget": budget_id, "since": idle_since(now), "most": most},
        )
        rows = cursor.fetchall()
    return [row[0] for row in rows], rows[0][1] if rows else 0


def heard_of_since(budget_id: int, since: datetime) -> list[int]:
    """The counters of conversations that were heard of since then, by id."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c.id {_FROM} WHERE {_SINCE} ORDER BY c.id", {"budget": budget_id, "since": since})
        return [row[0] for row in cursor.fetchall()]


def idle(budget_ids: Sequence[int], *, now: datetime, most: int) -> list[tuple[int, str]]:
    """Budgets and values whose conversation is over though alerts of it are open, so many at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT a.budget_id, substr(a.subject, strpos(a.subject, ':') + 1)
            FROM budgets_alert a
            WHERE a.state <> 'resolved' AND a.kind = 'budget' AND a.budget_id = ANY(%(budgets)s)
                AND a.raised_at < %(since)s AND NOT EXISTS (
                    SELECT FROM costs_conversationtotal t
                    WHERE t.project_id = CASE WHEN split_part(a.subject, ':', 2) ~ '^[0-9]{1,9}$'
                            THEN split_part(a.subject, ':', 2)::int END
                        AND t.conversation_id = substr(a.subject, length(split_part(a.subject, ':', 1))
                            + length(split_part(a.subject, ':', 2)) + 3)
                        AND t.last_at >= %(since)s)
            LIMIT %(most)s
            """,
            {"budgets": list(budget_ids), "since": idle_since(now), "most": most},
        )
        return list(cursor.fetchall())
