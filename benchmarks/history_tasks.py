"""The tasks of a made history and how they went: four of five are judged by tests, three of ten given a quality.

Which, is read from a number that the task's name gives, so that it is the same in every run.
"""

from apps.costs.domain.kinds import OutcomeOrigin, OutcomeSource, OutcomeTarget
from apps.costs.domain.measures import NARROW_SUMS
from apps.costs.selectors import recount

JUDGED, SUCCEEDED, GRADED = 80, 68, 30
"""Of a hundred tasks."""


def task_steps() -> dict[str, str]:
    """The statements that make tasks of the records there are, and their outcomes, each under the words of its step."""
    few = ", ".join(f"sum({recount.MEASURES[name]}) AS {name}" for name in NARROW_SUMS)
    first = "ORDER BY r.occurred_at, r.usage_id"
    tests, judge = int(OutcomeSource.TESTS), int(OutcomeSource.JUDGE)
    draw = "mod(abs(hashtext(r.task_id)::bigint), 100)"
    tasks = f"""
        INSERT INTO costs_tasktotal (project_id, task_id, first_at, first_id, cell_id, last_at, success, success_source,
            quality, quality_source, {", ".join(NARROW_SUMS)})
        SELECT project_id, task_id, first_at, first_id, cell_id, last_at,
            CASE WHEN draw < {JUDGED} THEN draw < {SUCCEEDED} END, CASE WHEN draw < {JUDGED} THEN {tests} END,
            CASE WHEN draw < {GRADED} THEN draw / {GRADED}.0 END, CASE WHEN draw < {GRADED} THEN {judge} END,
            {", ".join(NARROW_SUMS)}
        FROM (
            SELECT r.project_id, r.task_id, {draw} AS draw, min(r.occurred_at) AS first_at,
                (array_agg(r.usage_id {first}))[1] AS first_id, (array_agg(r.cell_id {first}))[1] AS cell_id,
                max(r.occurred_at) AS last_at, {few}
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id GROUP BY 1, 2
        ) t ORDER BY first_at
    """
    outcomes = f"""
        INSERT INTO costs_outcome (project_id, origin, outcome_id, target, target_id, task_id, settled_at, success,
            quality, source, task_type, note, occurred_at)
        SELECT project_id, {int(OutcomeOrigin.SENT)}, told.source || '-' || task_id, {int(OutcomeTarget.TASK)}, task_id,
            task_id, last_at, told.success, told.quality, told.source, '', '', last_at
        FROM costs_tasktotal, LATERAL (
            SELECT {tests} AS source, success, NULL::numeric AS quality WHERE success IS NOT NULL
            UNION ALL SELECT {judge}, NULL, quality WHERE quality IS NOT NULL
        ) told ORDER BY last_at
    """
    return {"tasks": tasks, "outcomes": outcomes}
