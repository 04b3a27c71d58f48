"""Calls that were reported by more than one way: two records of one response of the provider."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from apps.access.selectors.places import project_id_of


class Call(NamedTuple):
    """A record that names a response of the provider."""

    project: str
    id: str
    response_id: str
    occurred_at: datetime


def reported_otherwise(calls: Sequence[Call], *, near: timedelta) -> list[str]:
    """The response ids that another record of the project has too, from a time nearby; in order, each once.

    Only nearby, because records are found by their time: both ways tell of the same call.
    """
    rows = [(project_id_of(call.project), call) for call in calls]
    known = [(project_id, call) for project_id, call in rows if project_id is not None]
    if not known:
        return []
    earliest, latest = ([call.occurred_at + side for _, call in known] for side in (-near, near))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT w.response_id
            FROM unnest(%s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
                AS w(project_id, id, response_id, earliest, latest)
            JOIN costs_usagerecord r ON r.project_id = w.project_id AND r.response_id = w.response_id
                AND r.usage_id <> w.id AND r.occurred_at BETWEEN w.earliest AND w.latest
                AND r.occurred_at BETWEEN %s AND %s
            ORDER BY 1
            """,
            [
                [project_id for project_id, _ in known],
                [call.id for _, call in known],
                [call.response_id for _, call in known],
                earliest,
                latest,
                # Constants, so that the planner leaves out the other months.
                min(earliest),
                max(latest),
            ],
        )
        return [response_id for (response_id,) in cursor.fetchall()]
