"""Folds whose sums of waste are still to be made, and those to prove."""

from datetime import datetime
from typing import Any

from django.db import connection

from apps.costs.domain.slices import HOUR_TOTALS, HOURS
from apps.costs.selectors.metrics.waste_hours import rules
from apps.costs.selectors.rate_book import current_version
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.selectors.waste_sums import WasteFold


def unfolded(at_most: int) -> list[WasteFold]:
    """Folds without sums of waste by the present settings, newest first; then those whose failovers have old prices."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT zone, bucket, ends_at, waste_version FROM costs_dayfold f
            WHERE zone = ANY(%(zones)s) AND (waste_rules IS DISTINCT FROM %(rules)s OR (
                waste_version < %(version)s AND EXISTS (
                    SELECT FROM costs_wasteslice s WHERE s.slice = {HOUR_TOTALS.number}
                        AND s.bucket >= f.bucket AND s.bucket < f.ends_at AND s.failovers > 0
                )
            ))
            ORDER BY (waste_rules IS NOT DISTINCT FROM %(rules)s), bucket DESC LIMIT %(most)s
            """,
            {
                "zones": [HOURS, reporting_zone().key],
                "rules": rules(),
                "version": current_version(),
                "most": at_most,
            },
        )
        return [WasteFold(*row) for row in cursor.fetchall()]


def waste_folds_to_prove(at_most: int) -> list[WasteFold]:
    """Those never proven, newest first, then those proven longest ago."""
    return _folded("true", "waste_proven_at NULLS FIRST, bucket DESC LIMIT %(most)s", {"most": at_most})


def waste_folds_between(start: datetime, end: datetime) -> list[WasteFold]:
    """The folds that lie in [start, end), in order."""
    return _folded("bucket >= %(start)s AND ends_at <= %(end)s", "bucket", {"start": start, "end": end})


def _folded(where: str, order: str, parameters: dict[str, Any]) -> list[WasteFold]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT zone, bucket, ends_at, waste_version FROM costs_dayfold"
            f" WHERE waste_rules = %(rules)s AND zone = ANY(%(zones)s) AND {where} ORDER BY {order}",
            {**parameters, "rules": rules(), "zones": [HOURS, reporting_zone().key]},
        )
        return [WasteFold(*row) for row in cursor.fetchall()]
