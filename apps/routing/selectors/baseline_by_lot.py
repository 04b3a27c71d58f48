"""Tasks of the last weeks whose first decision chance had a part in, beside the baseline's model."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.rerating import femto
from apps.routing.domain.baselines import Baseline
from apps.routing.domain.candidates import Quality
from apps.routing.domain.off_policy import WHOLE, Blocks, count
from apps.routing.domain.policy import ModelKey
from apps.routing.selectors.drawn_tasks import FirstCall, canonical, drawn_task
from apps.routing.selectors.quality import qualities

# A task belongs to the decision of its first call, and takes part where the agent took the model that was drawn.
# OFFSET 0 makes every decision find its call by the id, and that its task, whatever the planner knows of them; an index
# serves comparisons in its own collation alone.
_DRAWN = """
    WITH drawn AS MATERIALIZED (
        SELECT d.project_id, d.decision_id, d.model, d.propensity, d.asked
        FROM routing_decision d JOIN access_project p ON p.id = d.project_id AND NOT p.is_demo
        WHERE d.propensity < 1 AND d.created_at >= %(start)s AND d.created_at < %(end)s AND d.action = 'route'
            AND d.asked ? 'sizes' ORDER BY d.created_at DESC LIMIT %(most)s
    )
    SELECT t.project_id, t.task_id, m.provider, m.name, coalesce(role.name, ''), coalesce(kind.name, ''),
        (d.propensity * %(whole)s)::int, (d.asked #>> '{sizes,input_tokens}')::bigint,
        (d.asked #>> '{sizes,output_tokens}')::bigint, t.success, CASE WHEN t.unpriced_calls = 0 THEN t.cost_usd END
    FROM drawn d
    CROSS JOIN LATERAL (
        SELECT r.usage_id, coalesce(r.task_id, r.conversation_id, r.usage_id) AS task_id FROM costs_usagerecord r
        WHERE r.decision_id = d.decision_id COLLATE "default" AND r.project_id = d.project_id
            AND r.occurred_at >= %(start)s OFFSET 0
    ) r
    CROSS JOIN LATERAL (
        SELECT * FROM costs_tasktotal t
        WHERE t.project_id = d.project_id AND t.task_id = r.task_id AND t.first_id = r.usage_id OFFSET 0
    ) t
    JOIN costs_cell c ON c.id = t.cell_id JOIN costs_usedmodel m ON m.id = c.model_id AND m.name = d.model
    LEFT JOIN costs_label kind ON kind.id = c.task_type_id LEFT JOIN costs_label role ON role.id = c.role_id
    ORDER BY t.project_id, t.task_id
"""


def drawn_beside(baseline: Baseline, *, now: datetime) -> dict[str, Blocks]:
    """The newest tasks whose model was drawn, by what is measured, as if the baseline's model were on trial.

    A choice that had more than half of the chance was the usual one; where a rarer one was drawn the usual one is not
    kept, and the task counts as one that would move.
    """
    book = current_rate_book()
    found: dict[str, Blocks] = {"success": {}, "cost": {}}
    with connection.cursor() as cursor:
        start = now - timedelta(days=settings.SAVINGS_LEARN_DAYS)
        cursor.execute(
            _DRAWN, {"start": start, "end": now, "most": settings.SAVINGS_LEARN_TASKS, "whole": WHOLE}
        )  # fmt: skip
        rows = cursor.fetchall()
    for project_id, task_id, provider, name, role, kind, chance, read, written, success, cost in rows:
        model = baseline.model_for(role)
        if model is None:
            continue
        own = (provider, name)
        measured = drawn_task(
            own, model, kind, chance=chance, is_moved=chance <= WHOLE // 2 or canonical(*model) != own,
            sizes=(read, written), task=FirstCall(success, femto(cost)), quality_of=_quality, book=book, at=now,
        )  # fmt: skip
        for what, one in measured.items():
            count(found[what], f"{project_id}:{task_id}", one)
    return found


def _quality(model: ModelKey, task_type: str) -> Quality | None:
    return qualities(task_type).get(model) if task_type else None
