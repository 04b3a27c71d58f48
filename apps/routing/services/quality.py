"""Brings the statistics of quality up to date with outcomes and calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from apps.costs.domain.formats import some
from apps.routing.domain.policy import ModelKey
from apps.routing.domain.quality import estimate, stored
from apps.routing.models import ModelQuality, QualityState
from apps.routing.selectors.quality_evidence import Seen, seen_models

_COLUMNS = ("provider", "name", "task_type", "n", "n_eff", "mean", "lower", "calls", "error_calls")
Row = tuple[str, str, str, int, Decimal, Decimal | None, Decimal | None, int, int]


@dataclass(frozen=True, slots=True)
class QualityRun:
    """What one run found."""

    models: int
    tasks: int
    changed: bool

    @property
    def words(self) -> str:
        """One sentence for the Health page."""
        what = "" if self.changed else ", as before"
        return f"{some(self.tasks, 'judged task')} of {some(self.models, 'model')}{what}"


@transaction.atomic
def refresh_quality(*, now: datetime) -> QualityRun:
    """Replace the statistics by what outcomes and calls say now. Two at once wait for each other."""
    state, _ = QualityState.objects.select_for_update().get_or_create(id=1)
    seen = seen_models(now=now, days=settings.QUALITY_DAYS, most_tasks=settings.QUALITY_MAX_TASKS)
    rows = sorted(rows_of(seen), key=lambda row: row[:3])
    before = sorted(ModelQuality.objects.values_list(*_COLUMNS), key=lambda row: row[:3])
    if rows != before:
        ModelQuality.objects.all().delete()
        ModelQuality.objects.bulk_create(
            [ModelQuality(**dict(zip(_COLUMNS, row, strict=True))) for row in rows], batch_size=1000
        )
        state.version += 1
        state.changed_at = now
        state.save()
    return QualityRun(len(seen), sum(row[3] for row in rows if not row[2]), rows != before)


def rows_of(seen: Mapping[ModelKey, Seen]) -> list[Row]:
    """For each model a row for all tasks, and one for each task type with outcomes or calls."""
    return [
        _row(model, one, task_type)
        for model, one in seen.items()
        for task_type in {None, *(observed.task_type for observed in one.observed), *one.calls} - {""}
    ]


def _row(model: ModelKey, seen: Seen, task_type: str | None) -> Row:
    found = estimate(seen.observed, task_type)
    counted = [pair for kind, pair in seen.calls.items() if task_type in (None, kind)]
    calls, errors = sum(pair[0] for pair in counted), sum(pair[1] for pair in counted)
    mean, lower = (stored(found.mean), stored(found.lower)) if found.n else (None, None)
    return (*model, task_type or "", found.n, stored(found.n_eff), mean, lower, calls, errors)
