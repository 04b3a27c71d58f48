"""Tasks of the past as a replay reads them: their tokens at the price of each model, and how well each does such tasks.

A task was done once, by one model, so what another would have achieved is the chance by its statistics, and what it
would have cost the same tokens at its price.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.domain.candidates import KNOWN_FROM
from apps.routing.domain.policy import ModelKey
from apps.routing.domain.replay.table import Outcomes, expected_outcomes
from apps.routing.models import ModelQuality
from apps.routing.selectors.quality import qualities

MOST_TASKS = 20_000
LEAST_MODELS = 2
_TASKS = """
    SELECT t.project_id, t.task_id, t.calls, t.input_tokens, t.output_tokens, t.cache_read_input_tokens
    FROM costs_tasktotal t JOIN access_project p ON p.id = t.project_id AND NOT p.is_demo
    JOIN costs_cell c ON c.id = t.cell_id JOIN costs_label l ON l.id = c.task_type_id
    WHERE t.first_at >= %s AND t.first_at < %s AND t.calls > 0 AND l.name = %s
    ORDER BY t.first_at DESC LIMIT %s
"""


class RecordedTask(NamedTuple):
    """The sums of one task's calls."""

    project_id: int
    task_id: str
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int


def replayable_task_types() -> list[str]:
    """Kinds of task at which at least two models are known."""
    known = ModelQuality.objects.filter(n__gte=KNOWN_FROM).exclude(task_type="").values_list("task_type", flat=True)
    counted: dict[str, int] = {}
    for task_type in known:
        counted[task_type] = counted.get(task_type, 0) + 1
    return sorted(task_type for task_type, models in counted.items() if models >= LEAST_MODELS)


def recorded_outcomes(task_type: str, *, now: datetime, days: int) -> Outcomes | None:
    """The tasks of a kind in the last days with every model that is known there and has a price; None without two."""
    known = {key: one for key, one in qualities(task_type).items() if one.n >= KNOWN_FROM}
    tasks = _tasks(task_type, now=now, days=days)
    costs = {key: cost for key in sorted(known) if (cost := _costs(key, tasks, now)) is not None}
    if len(costs) < LEAST_MODELS or not tasks:
        return None
    return expected_outcomes(
        [f"{task.project_id}:{task.task_id}" for task in tasks],
        {"/".join(key): (known[key].mean, cost) for key, cost in costs.items()},
    )


def _tasks(task_type: str, *, now: datetime, days: int) -> list[RecordedTask]:
    with connection.cursor() as cursor:
        cursor.execute(_TASKS, [now - timedelta(days=days), now, task_type, MOST_TASKS])
        return [RecordedTask(*row) for row in cursor.fetchall()]


def _costs(model: ModelKey, tasks: Sequence[RecordedTask], now: datetime) -> list[int] | None:
    """Each task's tokens at the model's price in femto-dollars; None when they have none."""
    match = current_rate_book().lookup(*model, now)
    if match is None:
        return None
    minute = now.hour * 60 + now.minute
    found = []
    for task in tasks:
        femto, _ = match.card.charge(
            task.input_tokens, task.output_tokens, cache_read=task.cached_tokens, minute_of_day=minute, calls=task.calls
        )
        if femto is None:
            return None
        found.append(femto)
    return found
