"""Which task a call or a decision belongs to, by the records."""

from collections.abc import Collection

from django.db import connection

from apps.costs.domain.usage import key_of

Named = tuple[int, str]
"""A project and an id within it."""
TASK_OF_RECORD = "coalesce(nullif(r.task_id, ''), nullif(r.conversation_id, ''))"


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
