"""Success and quality that came with usage records count as outcomes told by the agent."""

from collections.abc import Sequence

from apps.costs.domain.kinds import OutcomeOrigin, OutcomeSource, OutcomeTarget
from apps.costs.domain.outcomes import quality_of
from apps.costs.services.ingest.reading import Row
from apps.costs.services.outcomes import writing
from apps.costs.services.outcomes.writing import NewOutcome


def keep_outcomes(rows: Sequence[Row], *, key_id: int | None) -> None:
    """Keep the outcomes of records that were just inserted, in their transaction; those of no task are only kept."""
    found = [_outcome(one, key_id) for one in rows if one.usage.success is not None or one.usage.quality is not None]
    tasks = {(one.project_id, one.task_id) for one in found if one.task_id}
    if not found:
        return
    writing.hold_tasks(tasks)
    writing.insert(found)
    writing.judge(tasks)


def _outcome(one: Row, key_id: int | None) -> NewOutcome:
    usage = one.usage
    return NewOutcome(
        project_id=one.place.project_id,
        origin=int(OutcomeOrigin.USAGE),
        outcome_id=one.id,
        fingerprint=None,
        target=int(OutcomeTarget.USAGE),
        target_id=one.id,
        task_id=usage.task_id or usage.conversation_id or None,
        settled_at=one.occurred_at,
        success=usage.success,
        quality=quality_of(usage.quality),
        source=int(OutcomeSource.AGENT),
        task_type=usage.task_type or "",
        note="",
        occurred_at=one.occurred_at,
        key_id=key_id,
        user_id=None,
    )
