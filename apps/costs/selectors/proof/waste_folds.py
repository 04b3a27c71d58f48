"""The sums of waste of folds against the records and quarters they were made of: every row, exactly."""

from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.domain.slices import ERRORS, HOUR_ERRORS, HOUR_SLICES, SLICES
from apps.costs.selectors import waste_sums
from apps.costs.selectors.horizon import horizon
from apps.costs.selectors.metrics.snapshot import one_snapshot
from apps.costs.selectors.metrics.waste_hours import rules
from apps.costs.selectors.pace import unhurried
from apps.costs.selectors.proof.differences import Difference
from apps.costs.selectors.rate_book import current_version
from apps.costs.selectors.waste_sums import KEPT, KEYS, WasteFold


def waste_fold_differences(fold: WasteFold) -> list[Difference]:
    """Every difference of one fold, in one snapshot; none when its sums do not hold any more, or its records are gone.

    What failovers cost more is left out where the price book has changed since: it is made anew anyhow.
    """
    with one_snapshot(), connection.cursor() as cursor:
        unhurried(cursor)
        cursor.execute(
            "SELECT waste_version FROM costs_dayfold WHERE zone = %s AND bucket = %s AND ends_at = %s"
            " AND waste_rules = %s",
            [fold.zone, fold.start, fold.end, rules()],
        )
        found = cursor.fetchone()
        if not found or not horizon().has_records(fold.start):
            return []
        span: dict[str, Any] = {"start": fold.start, "end": fold.end, "slices": waste_sums.slice_numbers(fold)}
        cursor.execute(_HAS_ANY, span)
        if not cursor.fetchone()[0]:
            return []
        compared = [name for name in KEPT if name != "failover_usd" or found[0] == current_version()]
        cursor.execute(
            _differences(fold, compared),
            {**waste_sums.parameters(fold), **span},
        )
        rows = cursor.fetchall()
    return [
        Difference("WasteSlice", bucket, _words(number, project, a, b), name, _plain(was), _plain(is_now))
        for number, bucket, project, a, b, *sums in rows
        for name, was, is_now in zip(compared, sums, sums[len(compared) :], strict=False)
        if was != is_now
    ]


_HAS_ANY = """
    SELECT EXISTS (SELECT FROM costs_usagequarter WHERE bucket >= %(start)s AND bucket < %(end)s) OR EXISTS (
        SELECT FROM costs_wasteslice WHERE slice = ANY(%(slices)s) AND bucket >= %(start)s AND bucket < %(end)s
    )
"""


def _differences(fold: WasteFold, compared: list[str]) -> str:
    kept, counted = (", ".join(f"coalesce({alias}.{name}, 0)" for name in compared) for alias in ("kept", "counted"))
    keys = ", ".join(KEYS)
    return f"""
        SELECT {keys}, {kept}, {counted} FROM (
            SELECT * FROM costs_wasteslice
            WHERE slice = ANY(%(slices)s) AND bucket >= %(start)s AND bucket < %(end)s
        ) kept FULL JOIN (
            SELECT * FROM ({waste_sums.rows(fold)}) AS made({keys}, {", ".join(KEPT)})
        ) counted USING ({keys})
        WHERE ({kept}) IS DISTINCT FROM ({counted}) ORDER BY {keys}
    """  # noqa: S608


def _words(number: int, project: int, a: int, b: int) -> str:
    dimensions = {one.number: one.dimensions for one in (*SLICES, *HOUR_SLICES, ERRORS, HOUR_ERRORS)}
    named_ids = zip(("project_id", *dimensions[number]), (project, a, b), strict=False)
    return f"slice {number}, " + ", ".join(f"{name} {value}" for name, value in named_ids)


def _plain(value: Decimal | int) -> str:
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
