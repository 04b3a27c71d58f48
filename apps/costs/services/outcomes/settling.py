"""The sweep over outcomes that wait for a call or a decision: they are settled once a record names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from apps.costs.domain.formats import some
from apps.costs.domain.kinds import OutcomeTarget
from apps.costs.selectors import targets
from apps.costs.services.outcomes import writing

BATCH = 5_000
_READERS = {OutcomeTarget.USAGE: targets.tasks_of_usage, OutcomeTarget.DECISION: targets.tasks_of_decisions}
Waiting = tuple[int, int, int, str]
"""Outcome, project, kind of target, id of target."""


@dataclass(slots=True)
class SettlingRun:
    """What one run did."""

    settled: int = 0
    forgotten: int = 0

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        return f"{some(self.settled, 'outcome')} settled, {self.forgotten} that waited in vain forgotten"


def settle_waiting(*, now: datetime) -> SettlingRun:
    """Settle what records name by now, and drop what has waited too long; safe to run twice."""
    run, after = SettlingRun(), 0
    while batch := _waiting_after(after):
        run.settled += _settle(batch, now)
        after = batch[-1][0]
    run.forgotten = _forget(now - timedelta(days=settings.OUTCOME_WAIT_DAYS))
    return run


def _waiting_after(outcome: int) -> list[Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, project_id, target, target_id FROM costs_outcome"
            " WHERE settled_at IS NULL AND id > %s ORDER BY id LIMIT %s",
            [outcome, BATCH],
        )
        found: list[Waiting] = cursor.fetchall()
        return found


@transaction.atomic
def _settle(batch: Sequence[Waiting], now: datetime) -> int:
    found: dict[int, tuple[int, str | None]] = {}
    for kind, tasks_of in _READERS.items():
        wanted = {(project, target) for _, project, one, target in batch if one == kind}
        tasks = tasks_of(wanted) if wanted else {}
        found |= {
            outcome: (project, tasks[project, target])
            for outcome, project, one, target in batch
            if one == kind and (project, target) in tasks
        }
    if not found:
        return 0
    judged = {(project, task) for project, task in found.values() if task}
    writing.hold_tasks(judged)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE costs_outcome o SET task_id = w.task_id, settled_at = %s"
            " FROM unnest(%s::bigint[], %s::text[]) AS w(id, task_id) WHERE o.id = w.id AND o.settled_at IS NULL",
            [now, list(found), [task for _, task in found.values()]],
        )
        settled: int = cursor.rowcount
    writing.judge(judged)
    return settled


@transaction.atomic
def _forget(before: datetime) -> int:
    """Outcomes whose target nobody reported in time, and with them the rows of tasks that never began."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM costs_outcome WHERE settled_at IS NULL AND received_at < %s", [before])
        forgotten: int = cursor.rowcount
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM costs_tasktotal t WHERE t.first_at IS NULL AND t.last_at < %(before)s
                    AND NOT EXISTS (SELECT FROM costs_outcome o WHERE o.project_id = t.project_id
                        AND o.task_id = t.task_id AND o.received_at >= %(before)s)
                RETURNING t.project_id, t.task_id
            )
            DELETE FROM costs_outcome o USING gone
            WHERE o.project_id = gone.project_id AND o.task_id = gone.task_id
            """,
            {"before": before},
        )
        return forgotten + int(cursor.rowcount)
