"""What one task adds to the sums of tasks, as SQL, and those sums by the slices of a day."""

from collections.abc import Sequence

from apps.costs.domain.slices import SLICES, Slice
from apps.costs.selectors.summing import total

TASK_SUMS = (
    "tasks",
    "judged_tasks",
    "succeeded_tasks",
    "judged_usd",
    "failed_usd",
    "succeeded_tokens",
    "unpriced_tasks",
    "quality_tasks",
    "quality_sum",
)
"""In the order of the fields of TaskTotals."""
NUMERIC = ("judged_usd", "failed_usd", "quality_sum")
CELL = ("model_id", "task_type_id", "agent_id", "tier_id", "role_id", "status")
"""The columns of a cell that slices are made of, beside the project."""


def of_task(task: str) -> dict[str, str]:
    """The sums of a single task, a row of costs_tasktotal under this alias. One that nobody judged is in no rate."""
    judged, succeeded = f"{task}.success IS NOT NULL", f"{task}.success IS TRUE"
    return {
        "tasks": "1::bigint",
        "judged_tasks": f"({judged})::int::bigint",
        "succeeded_tasks": f"({succeeded})::int::bigint",
        "judged_usd": f"CASE WHEN {judged} THEN {task}.cost_usd ELSE 0 END",
        "failed_usd": f"CASE WHEN {task}.success IS FALSE THEN {task}.cost_usd ELSE 0 END",
        "succeeded_tokens": f"CASE WHEN {succeeded} THEN {task}.input_tokens + {task}.output_tokens ELSE 0 END",
        "unpriced_tasks": f"({judged} AND {task}.unpriced_calls > 0)::int::bigint",
        "quality_tasks": f"({task}.quality IS NOT NULL)::int::bigint",
        "quality_sum": f"coalesce({task}.quality, 0)",
    }


def named(task: str) -> str:
    """The sums of a single task, each under its name."""
    return ", ".join(f"{sql} AS {name}" for name, sql in of_task(task).items())


def negative(alias: str) -> str:
    """The sums of a row, taken off instead of added."""
    return ", ".join(f"-{alias}.{name} AS {name}" for name in TASK_SUMS)


def added(alias: str) -> str:
    """The aggregates of these sums, each under its name."""
    return ", ".join(f"{_total(alias, name)} AS {name}" for name in TASK_SUMS)


def _total(alias: str, name: str) -> str:
    return f"sum({alias}.{name})" if name in NUMERIC else total(f"{alias}.{name}", name)


def by_slices(rows: str, slices: Sequence[Slice] = SLICES) -> str:
    """Rows with project_id, the columns of CELL and sums, by every slice: slice, project_id, a_id, b_id, sums."""
    parts = []
    for one in slices:
        a, b = (*(f"m.{name}" for name in one.dimensions), "0", "0")[:2]
        parts.append(
            f"SELECT {one.number} AS slice, m.project_id, {a}::int AS a_id, {b}::int AS b_id, {added('m')}"
            f" FROM {rows} m GROUP BY 1, 2, 3, 4"
        )
    return " UNION ALL ".join(parts)


def in_cells(rows: str) -> str:
    """Rows with cell_id and sums, added up by the columns of their cells."""
    columns = ", ".join(f"c.{name}" for name in ("project_id", *CELL))
    return f"SELECT {columns}, {added('r')} FROM ({rows}) r JOIN costs_cell c ON c.id = r.cell_id GROUP BY {columns}"
