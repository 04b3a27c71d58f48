"""Retention of decisions and compressions: whole months go, in batches, so that nothing waits."""

from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import connection

from apps.costs.services.partitions import month_of
from apps.routing.models import Compression, PolicyVersion

BATCH = 5_000
MOST_BATCHES = 100


def drop_old_decisions(*, now: datetime) -> int:
    """Drop the decisions of months that ended longer ago than the setting allows; how many went. Safe to run twice.

    Compressions of those months go with them, and so do drafts that nobody brought back in time.
    """
    PolicyVersion.objects.discarded().filter(
        discarded_at__lt=now - timedelta(days=settings.DISCARDED_DRAFT_DAYS)
    ).delete()
    month = month_of(now - timedelta(days=settings.RETENTION_DECISION_DAYS))
    begins = datetime.combine(month, time(), UTC)
    Compression.objects.filter(created_at__lt=begins).delete()
    dropped = 0
    for _ in range(MOST_BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM routing_decision WHERE ctid = ANY(ARRAY("
                " SELECT ctid FROM routing_decision WHERE created_at < %s LIMIT %s))",
                [begins, BATCH],
            )
            dropped += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return dropped
