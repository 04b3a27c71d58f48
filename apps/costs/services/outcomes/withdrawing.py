"""A person takes back a judgement of their own; what others said of the task then counts again."""

from django.db import connection, transaction

from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.domain.kinds import OutcomeOrigin, OutcomeSource
from apps.costs.models import Outcome
from apps.costs.services.outcomes import writing


@transaction.atomic
def withdraw_outcome(*, caller: Caller, project_id: int, outcome_id: str) -> bool:
    """Deletes an outcome this person told, and judges its task again. False if there is none (any more)."""
    if caller.user_id is None or not caller.sees_project(project_id):
        return False
    found = Outcome.objects.filter(
        project_id=project_id, origin=int(OutcomeOrigin.SENT), outcome_id=outcome_id, user_id=caller.user_id
    ).first()
    if found is None:
        return False
    tasks = {(project_id, found.task_id)} if found.task_id else set()
    if tasks:
        writing.hold_tasks(tasks)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM costs_outcome WHERE id = %s", [found.pk])
        if not cursor.rowcount:
            return False
    if tasks:
        writing.judge(tasks)
    audit.record(
        caller=caller,
        action="outcome.withdrawn",
        obj=found,
        before={
            "task": found.task_id,
            "success": found.success,
            "quality": found.quality,
            "source": OutcomeSource(found.source).name.lower(),
            "note": found.note,
        },
        project_id=project_id,
    )
    return True
