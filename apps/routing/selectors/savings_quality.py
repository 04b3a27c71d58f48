"""The quality beside a saving: how judged tasks went, and what the baseline's own statistics let expect of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.costs.domain.providers import canonical_provider
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import TaskTotals, UsageQuery, task_totals
from apps.routing.domain.candidates import Quality
from apps.routing.domain.policy import ModelKey
from apps.routing.domain.predicting import Predicted, predicted
from apps.routing.selectors.baselines import Declared
from apps.routing.selectors.quality import qualities


@dataclass(frozen=True, slots=True)
class QualityBeside:
    """How the tasks of the time went, and what is expected of the baseline's model at the same kinds of tasks.

    `baseline` is None where the baseline is a policy, or its model has too few judged tasks of these kinds.
    """

    tasks: TaskTotals
    baseline: Predicted | None
    model: ModelKey | None


def quality_beside(query: UsageQuery, baselines: Sequence[Declared]) -> QualityBeside:
    """The quality of a time, by the newest of its baselines. Success of different kinds of tasks is weighed alike."""
    rows = metrics.tasks_by(query, ("task_type",))
    whole = task_totals(row.totals for row in rows) if rows else TaskTotals()
    model = baselines[0].baseline.models.get("") if baselines else None
    if model is None:
        return QualityBeside(whole, None, None)
    judged = {row.values[0]: row.totals.judged_tasks for row in rows if row.totals.judged_tasks}
    known = {kind: quality for kind in judged if (quality := _at(model, kind)) is not None}
    return QualityBeside(whole, predicted(judged, known) if judged else None, model)


def _at(model: ModelKey, task_type: str) -> Quality | None:
    return qualities(task_type).get((canonical_provider(model[0]), model[1])) if task_type else None
