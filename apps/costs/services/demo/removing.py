"""Removing demo projects from every table, a day at a time, so that records and rollups agree after each step.

1. Keys of the projects are revoked: nothing more arrives by them.
2. For each day of the reporting zone, one transaction removes its records and their rollups, quarters and folds alike.
3. Conversations and the permanent keys of ids follow in pieces, then the cells, then the projects themselves with
   their agents, keys, former names, and what higher apps have of them: budgets, alerts, decisions.

Names that others may use as well, like models and labels, stay. Each step finds what is left, so a removal that was
interrupted is simply done again.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.access.extension_points import projects_removed
from apps.access.models import ApiKey, Project
from apps.access.services import places
from apps.costs.domain.calendars import day_of, day_start
from apps.costs.selectors.pace import background_transaction
from apps.costs.selectors.reporting import reporting_zone
from apps.costs.services.locks import repair_alone

Step = Callable[[int, int], None]
"""Told after each piece of work: how many pieces are done, and how many there are."""

PIECE = 20_000
LOCK_WAIT_MS = 30_000  # a fold of a busy day can take that long
DAY = timedelta(days=1)
_CELLS = "SELECT id FROM costs_cell WHERE project_id = ANY(%(projects)s)"
_OF_PROJECTS = "project_id = ANY(%(projects)s)"
_DAY = "bucket >= %(from)s AND bucket < %(until)s"
_OF_A_DAY = (
    f"DELETE FROM costs_usagerecord WHERE {_OF_PROJECTS} AND occurred_at >= %(from)s AND occurred_at < %(until)s",
    f"DELETE FROM costs_usagequarter WHERE cell_id IN ({_CELLS}) AND {_DAY}",
    f"DELETE FROM costs_usagequarterby WHERE {_OF_PROJECTS} AND {_DAY}",
    f"DELETE FROM costs_usageday WHERE cell_id IN ({_CELLS}) AND {_DAY}",
    f"DELETE FROM costs_dayslice WHERE {_OF_PROJECTS} AND {_DAY}",
    f"DELETE FROM costs_wasteslice WHERE {_OF_PROJECTS} AND {_DAY}",
)
_IN_PIECES = (
    "costs_conversationtotal",
    "costs_tasktotal",
    "costs_tasktakenback",
    "costs_taskslice",
    "costs_outcome",
    "costs_usagekey",
    "costs_cell",
)


def remove_projects(step: Step) -> None:
    """Remove all demo projects. Running it again removes what is left."""
    projects = list(Project.objects.filter(is_demo=True).values_list("id", flat=True))
    if not projects:
        return
    ApiKey.objects.filter(project_id__in=projects, revoked_at=None).update(revoked_at=timezone.now())
    _remove_days(projects, step)
    # Again, for what a request brought in that was under way when its key was revoked.
    _remove_days(projects, step)
    for table in _IN_PIECES:
        _remove_in_pieces(table, projects)
    with transaction.atomic():
        projects_removed.send(sender=Project, project_ids=projects)
        Project.objects.filter(id__in=projects).delete()
    places.look_again()


def _remove_days(projects: Sequence[int], step: Step) -> None:
    days = list(_days(projects))
    for number, day in enumerate(days):
        _remove_day(projects, day)
        step(number + 1, len(days))


def _days(projects: Sequence[int]) -> Iterator[date]:
    """The days of the reporting zone on which the projects have anything."""
    zone = reporting_zone()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(low), max(high) FROM ("
            " SELECT min(occurred_at) AS low, max(occurred_at) AS high FROM costs_usagerecord"
            "  WHERE project_id = ANY(%(projects)s)"
            f" UNION ALL SELECT min(bucket), max(bucket) FROM costs_usagequarter WHERE cell_id IN ({_CELLS})"
            " UNION ALL SELECT min(bucket), max(bucket) FROM costs_usagequarterby WHERE project_id = ANY(%(projects)s)"
            " UNION ALL SELECT min(bucket), max(bucket) FROM costs_dayslice WHERE project_id = ANY(%(projects)s)"
            ") AS spans",
            {"projects": list(projects)},
        )
        low, high = cursor.fetchone()
    if low is None:
        return
    day, last = day_of(low, zone), day_of(high, zone)
    while day <= last:
        yield day
        day += DAY


def _remove_day(projects: Sequence[int], day: date) -> None:
    zone = reporting_zone()
    parameters: dict[str, Any] = {
        "projects": list(projects),
        "from": day_start(day, zone),
        "until": day_start(day + DAY, zone),
    }
    with background_transaction(wait_ms=LOCK_WAIT_MS) as cursor:
        # No repair or fold looks at the day while its records and rollups go.
        repair_alone(cursor)
        for statement in _OF_A_DAY:
            cursor.execute(statement, parameters)


def _remove_in_pieces(table: str, projects: Sequence[int]) -> None:
    removed = PIECE
    while removed == PIECE:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
                f" SELECT ctid FROM {table} WHERE project_id = ANY(%s) LIMIT {PIECE}))",
                [list(projects)],
            )
            removed = cursor.rowcount
