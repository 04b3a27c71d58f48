"""Folded days and hours whose sums of waste hold, and the settings by which they do."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import connection

from apps.costs.domain.slices import HOURS
from apps.costs.selectors.horizon import HOUR
from apps.costs.selectors.metrics.cutting import Range
from apps.costs.selectors.reporting import reporting_zone


def rules() -> str:
    """The settings that sums of waste depend on, as folds keep them."""
    return f"{settings.PROMPT_CACHE_SECONDS} s, {settings.PROMPT_CACHE_LEAST_TOKENS} tokens"


def hours_of(known: Sequence[tuple[str, datetime, datetime]]) -> list[Range]:
    """Every hour of the folds, in order: those of folded days, too."""
    return sorted(
        (begin + HOUR * number, min(begin + HOUR * (number + 1), until))
        for _, begin, until in known
        for number in range(-(-(until - begin) // HOUR))
    )


def waste_folds(start: datetime, end: datetime) -> list[tuple[str, datetime, datetime]]:
    """The folds that touch [start, end) and whose sums of waste hold by the present settings."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT zone, bucket, ends_at FROM costs_dayfold WHERE zone = ANY(%s) AND waste_rules = %s"
            " AND bucket < %s AND ends_at > %s ORDER BY bucket",
            [[HOURS, reporting_zone().key], rules(), end, start],
        )
        return [(row[0], row[1], row[2]) for row in cursor.fetchall()]
