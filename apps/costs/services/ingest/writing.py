"""The last step of ingest: what one transaction writes, in the order in which all writers lock."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg
from django.db import connection

from apps.access.statements import numbered
from apps.costs.selectors.metrics.waste_records import reach
from apps.costs.services.ingest.labelling import TAG_LABEL, Labels
from apps.costs.services.ingest.literals import array
from apps.costs.services.ingest.reading import QUARTER_SECONDS, Row
from apps.costs.services.ingest.record_rows import arrays_of, shape_of
from apps.costs.services.ingest.statement import statement

QUARTER = timedelta(minutes=15)
LATE = timedelta(minutes=30)
"""Younger records cannot lie in a folded day: days are folded two hours after their end."""

CHANGED = "BU001"
"""What the database raises when prices have changed: nothing of the batch is written."""


class Changed(Exception):
    """Another transaction got in between, and nothing was written: look again and retry."""


def cursor() -> psycopg.Cursor[Any]:
    """A cursor with server-side parameters on Django's connection, inside its transaction if there is one."""
    connection.ensure_connection()
    return psycopg.Cursor(cast("psycopg.Connection[Any]", connection.connection))


def write(
    rows: Sequence[Row], fields: Collection[str], labels: Labels, key_id: int | None, *, price_book_version: int
) -> None:
    """Claim the ids, insert the records and add them to the rollups, in one statement and so one trip.

    The database refuses the whole statement when an id was claimed before, or when it sees another version of the
    price book. Raises Changed then.
    """
    shape = shape_of(fields)
    parameters: list[Any] = [str(price_book_version)]
    if key_id is not None:
        parameters.append(str(key_id))
    if "tags" in shape:
        parameters += _tag_arrays(rows, labels)
    parameters += arrays_of(rows, shape, labels)
    try:
        numbered(statement(shape, has_key=key_id is not None), parameters)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.table_name == "costs_usagekey":
            raise Changed from None
        raise
    except psycopg.Error as error:
        if error.sqlstate == CHANGED:
            raise Changed from None
        raise


def _tag_arrays(rows: Sequence[Row], labels: Labels) -> list[str]:
    """Which record, counted from 1, has which label."""
    pairs = [
        (place, labels[TAG_LABEL, f"{name}={value}"])
        for place, one in enumerate(rows, 1)
        for name, value in (one.usage.tags or {}).items()
    ]
    return [array([place for place, _ in pairs]), array([label for _, label in pairs])]


def known_fingerprints(rows: Sequence[Row]) -> dict[tuple[int, str], bytes]:
    """The fingerprints of those ids that were stored before, by (project, id hash)."""
    cur = cursor()
    cur.execute(
        """
        SELECT k.project_id, k.id_hash::text, replace(k.fingerprint::text, '-', '')
        FROM unnest(%s::int[], %s::uuid[]) AS sent(project_id, id_hash)
        JOIN costs_usagekey k USING (project_id, id_hash)
        """,
        [array([one.place.project_id for one in rows]), array([one.id_hash for one in rows])],
    )
    return {(project, id_hash): bytes.fromhex(fingerprint) for project, id_hash, fingerprint in cur}


def late_quarters(rows: Sequence[Row], now: datetime) -> list[int]:
    """The quarter-hours of records so late that their day may be folded."""
    newest = int((now - LATE).timestamp()) // QUARTER_SECONDS
    if min([one.occurred_at for one in rows]).timestamp() >= (newest + 1) * QUARTER_SECONDS:
        return []
    return sorted({quarter for one in rows if (quarter := one.quarter) <= newest})


def reopen_days(quarters: Sequence[int]) -> None:
    """Late records unfold their days in their own transaction, so that readers see them in the quarters at once.

    What a fold that begins soon after one wasted is taken back, too: its first calls may follow the late one.
    """
    cur = cursor()
    cur.execute("SELECT pg_advisory_xact_lock_shared(hashtext('bursar folds'))")
    cur.execute(
        """
        WITH late AS (
            SELECT zone, bucket, max(to_timestamp(quarter * 900)) >= bucket AS is_within
            FROM costs_dayfold f, unnest(%s::bigint[]) AS late(quarter)
            WHERE to_timestamp(quarter * 900) < f.ends_at AND to_timestamp(quarter * 900) >=
                f.bucket - CASE WHEN f.waste_rules IS NULL THEN interval '0' ELSE %s::interval END
            GROUP BY zone, bucket
        ), held AS MATERIALIZED (
            SELECT f.zone, f.bucket, late.is_within FROM costs_dayfold f JOIN late USING (zone, bucket)
            ORDER BY f.zone, f.bucket FOR UPDATE OF f
        ), gone AS (
            DELETE FROM costs_dayfold f USING held h WHERE h.is_within AND (f.zone, f.bucket) = (h.zone, h.bucket)
        )
        UPDATE costs_dayfold f SET waste_rules = NULL FROM held h
        WHERE NOT h.is_within AND (f.zone, f.bucket) = (h.zone, h.bucket)
        """,
        [array(quarters), f"{(QUARTER + reach()).total_seconds():.0f} seconds"],
    )
