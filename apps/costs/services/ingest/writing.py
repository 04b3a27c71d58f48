"""The last step of ingest: what one transaction writes, in the order in which all writers lock."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import psycopg
from django.db import connection

from apps.costs.services.ingest.deltas import Deltas, Labels
from apps.costs.services.ingest.literals import array
from apps.costs.services.ingest.reading import QUARTER_SECONDS, Row
from apps.costs.services.ingest.record_rows import record_part
from apps.costs.services.ingest.rollup_rows import rollup_parts

LATE = timedelta(minutes=30)
"""Younger records cannot lie in a folded day: days are folded two hours after their end."""

CHANGED = "BU001"
"""What the database raises when ids were known already, or prices have changed: nothing of the batch is written."""

_CLAIM = """
    INSERT INTO costs_usagekey (project_id, id_hash, fingerprint, occurred_at)
    SELECT * FROM unnest(%s::int[], %s::uuid[], %s::uuid[], %s::timestamptz[])
    ON CONFLICT DO NOTHING RETURNING 1
"""
_EXPECT = """
    SELECT bursar_expect(
        (SELECT count(*) FROM claimed), %s::bigint, coalesce((SELECT version FROM costs_pricebookstate), 0), %s::bigint
    )
"""


class Changed(Exception):
    """Another transaction got in between, and nothing was written: look again and retry."""


def cursor() -> psycopg.Cursor[Any]:
    """A cursor with server-side parameters on Django's connection, inside its transaction if there is one."""
    connection.ensure_connection()
    return psycopg.Cursor(cast("psycopg.Connection[Any]", connection.connection))


def _raw_cursor() -> psycopg.RawCursor[Any]:
    connection.ensure_connection()
    return psycopg.RawCursor(cast("psycopg.Connection[Any]", connection.connection))


@lru_cache(maxsize=256)
def _numbered(sql: str) -> bytes:
    """The statement with PostgreSQL's own placeholders: the driver would look for its own in it at every call."""
    pieces = sql.split("%s")
    return "".join(f"{piece}${number}" for number, piece in enumerate(pieces[:-1], 1)).encode() + pieces[-1].encode()


def write(
    rows: Sequence[Row], fields: Collection[str], labels: Labels, key_id: int | None, *, price_book_version: int
) -> None:
    """Claim the ids, insert the records and add them to the rollups, in one statement and so one trip.

    The ids are claimed first; the database refuses the whole statement when not all were new, or when it sees another
    version of the price book. Raises Changed then.
    """
    parts = [
        ("claimed", (_CLAIM, _claim_parameters(rows))),
        ("stored", record_part(rows, fields, labels, key_id)),
        *((f"rollup{number}", part) for number, part in enumerate(rollup_parts(Deltas(rows, labels, key_id)))),
    ]
    ctes = ", ".join(f"{name} AS ({sql})" for name, (sql, _) in parts)
    parameters = [value for _, (_, values) in parts for value in values]
    try:
        _raw_cursor().execute(_numbered(f"WITH {ctes} {_EXPECT}"), [*parameters, len(rows), price_book_version])
    except psycopg.Error as error:
        if error.sqlstate == CHANGED:
            raise Changed from None
        raise


def _claim_parameters(rows: Sequence[Row]) -> list[Any]:
    ordered = sorted(rows, key=lambda one: (one.place.project_id, one.id_hash))
    return [
        array([one.place.project_id for one in ordered]),
        array([one.id_hash for one in ordered]),
        array([one.fingerprint for one in ordered]),
        array([one.occurred_at for one in ordered]),
    ]


def known_fingerprints(rows: Sequence[Row]) -> dict[tuple[int, str], str]:
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
    return {(project, id_hash): fingerprint for project, id_hash, fingerprint in cur}


def late_quarters(rows: Sequence[Row], now: datetime) -> list[int]:
    """The quarter-hours of records so late that their day may be folded."""
    newest = (now - LATE).timestamp() // QUARTER_SECONDS
    return sorted({one.quarter for one in rows if one.quarter <= newest})


def reopen_days(quarters: Sequence[int]) -> None:
    """Late records unfold their days in their own transaction, so that readers see them in the quarters at once."""
    cur = cursor()
    cur.execute("SELECT pg_advisory_xact_lock_shared(hashtext('bursar folds'))")
    cur.execute(
        """
        DELETE FROM costs_dayfold WHERE (zone, bucket) IN (
            SELECT zone, bucket FROM costs_dayfold f
            WHERE EXISTS (
                SELECT FROM unnest(%s::bigint[]) AS late(quarter)
                WHERE to_timestamp(late.quarter * 900) >= f.bucket AND to_timestamp(late.quarter * 900) < f.ends_at
            )
            ORDER BY zone, bucket FOR UPDATE
        )
        """,
        [array(quarters)],
    )
