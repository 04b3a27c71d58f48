"""Which task a call or a decision belongs to, by the records."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection

from apps.costs.domain.kinds import OutcomeOrigin, OutcomeTarget
from apps.costs.domain.usage import key_of

Named = tuple[int, str]
"""A project and an id within it."""
TASK_OF_RECORD = "coalesce(nullif(r.task_id, ''), nullif(r.conversation_id, ''))"


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one outcome names, and the rows of its project in which that may stand: that it was sent to first."""

    outcome_id: str
    kind: OutcomeTarget
    identity: str
    rows: tuple[int, ...]


_KNOWN = f"""
    SELECT DISTINCT ON (w.number) w.number, w.project_id
    FROM unnest(%s::int[], %s::int[], %s::int[], %s::smallint[], %s::text[], %s::uuid[], %s::text[])
        AS w(number, place, project_id, kind, id, id_hash, outcome_id)
    WHERE CASE w.kind
        WHEN {int(OutcomeTarget.USAGE)} THEN EXISTS (
            SELECT FROM costs_usagekey k WHERE k.project_id = w.project_id AND k.id_hash = w.id_hash)
        WHEN {int(OutcomeTarget.DECISION)} THEN EXISTS (
            SELECT FROM costs_usagerecord r WHERE r.project_id = w.project_id AND r.decision_id = w.id)
        ELSE EXISTS (SELECT FROM costs_tasktotal t
            WHERE t.project_id = w.project_id AND t.task_id = w.id AND t.first_at IS NOT NULL) END
        OR w.place = 0 AND EXISTS (SELECT FROM costs_outcome o WHERE o.project_id = w.project_id
            AND o.origin = {int(OutcomeOrigin.SENT)} AND o.outcome_id = w.outcome_id)
    ORDER BY w.number, w.place
"""


def rows_that_know(wanted: Sequence[Candidates]) -> dict[int, int]:
    """By the place in the list the first row of its project in which stands what an outcome names; else none.

    An outcome that was kept before stays where it is.
    """
    rows = [
        (number, place, row, int(one.kind), one.identity, key_of(one.identity), one.outcome_id)
        for number, one in enumerate(wanted)
        for place, row in enumerate(one.rows)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(column) for column in zip(*rows, strict=True)])
        return dict(cursor.fetchall())


def tasks_of_usage(wanted: Collection[Named]) -> dict[Named, str | None]:
    """The task of each usage record there is; None for a record of no task."""
    pairs = sorted(set(wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT w.project_id, w.id, {TASK_OF_RECORD}
            FROM unnest(%s::int[], %s::uuid[], %s::text[]) AS w(project_id, id_hash, id)
            JOIN costs_usagekey k ON k.project_id = w.project_id AND k.id_hash = w.id_hash
            JOIN costs_usagerecord r ON r.project_id = w.project_id AND r.occurred_at = k.occurred_at
                AND r.usage_id = w.id
            """,
            [[project for project, _ in pairs], [key_of(one) for _, one in pairs], [one for _, one in pairs]],
        )
        return {(project, identity): task for project, identity, task in cursor.fetchall()}


def tasks_of_decisions(wanted: Collection[Named]) -> dict[Named, str | None]:
    """The task of each decision that a record names: of the first such record; None if that is of no task."""
    pairs = sorted(set(wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT ON (w.project_id, w.id) w.project_id, w.id, {TASK_OF_RECORD}
            FROM unnest(%s::int[], %s::text[]) AS w(project_id, id)
            JOIN costs_usagerecord r ON r.project_id = w.project_id AND r.decision_id = w.id
            ORDER BY w.project_id, w.id, r.occurred_at, r.usage_id COLLATE "C"
            """,
            [[project for project, _ in pairs], [one for _, one in pairs]],
        )
        return {(project, identity): task for project, identity, task in cursor.fetchall()}
