"""The statements that add a batch's sums to the rollups, and their parameters.

Each table's rows are ordered by its key, so that two writers never wait for each other in a circle.
"""

from collections.abc import Sequence
from typing import Any

from apps.costs.domain.measures import NARROW_SUMS, SUMS
from apps.costs.services.ingest.deltas import Deltas, added, cube_sums, histograms
from apps.costs.services.ingest.literals import array, histogram_array, sum_arrays, text_array

Part = tuple[str, list[Any]]


def _declared(names: Sequence[str]) -> str:
    return ", ".join("%s::numeric[]" if name.endswith("_usd") else "%s::bigint[]" for name in names)


def _chosen(names: Sequence[str]) -> str:
    """Femto-dollars become USD on the way in: a product of exact numbers."""
    return ", ".join(f"d.{name} * 0.000000000000001" if name.endswith("_usd") else f"d.{name}" for name in names)


def _added(table: str, names: Sequence[str]) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in names)


_CUBE = f"""
    INSERT INTO costs_usagequarter AS q (
        cell_id, bucket, last_received_at, {", ".join(SUMS)}, latency_bins, first_token_bins
    )
    SELECT d.cell_id, to_timestamp(d.quarter * 900), now(), {_chosen(SUMS)}, d.lb::bigint[], d.fb::bigint[]
    FROM unnest(%s::int[], %s::bigint[], {_declared(SUMS)}, %s::text[], %s::text[])
        AS d(cell_id, quarter, {", ".join(SUMS)}, lb, fb)
    ON CONFLICT (cell_id, bucket) DO UPDATE SET {_added("q", SUMS)}, last_received_at = excluded.last_received_at,
        latency_bins = bursar_merged_bins(q.latency_bins, excluded.latency_bins),
        first_token_bins = bursar_merged_bins(q.first_token_bins, excluded.first_token_bins)
"""  # noqa: S608
_NARROW = f"""
    INSERT INTO costs_usagequarterby AS n (kind, value_id, bucket, project_id, model_id, {", ".join(NARROW_SUMS)})
    SELECT d.kind, d.value_id, to_timestamp(d.quarter * 900), d.project_id, d.model_id, {_chosen(NARROW_SUMS)}
    FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::int[], %s::int[], {_declared(NARROW_SUMS)})
        AS d(kind, value_id, quarter, project_id, model_id, {", ".join(NARROW_SUMS)})
    ON CONFLICT (kind, value_id, bucket, project_id, model_id) DO UPDATE SET {_added("n", NARROW_SUMS)}
"""  # noqa: S608
_CONVERSATIONS = f"""
    INSERT INTO costs_conversationtotal AS c (
        project_id, conversation_id, agent_id, first_at, last_at, {", ".join(NARROW_SUMS)}
    )
    SELECT d.project_id, d.conversation_id, d.agent_id, d.first_at, d.last_at, {_chosen(NARROW_SUMS)}
    FROM unnest(%s::int[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], {_declared(NARROW_SUMS)})
        AS d(project_id, conversation_id, agent_id, first_at, last_at, {", ".join(NARROW_SUMS)})
    ON CONFLICT (project_id, conversation_id) DO UPDATE SET {_added("c", NARROW_SUMS)},
        agent_id = CASE WHEN excluded.last_at >= c.last_at THEN excluded.agent_id ELSE c.agent_id END,
        first_at = LEAST(c.first_at, excluded.first_at), last_at = GREATEST(c.last_at, excluded.last_at)
"""  # noqa: S608
# A task lies where its first call lies, whatever came in first; one that only has outcomes so far lies nowhere.
_EARLIER = """(
    t.first_at IS NULL
    OR (excluded.calls = 0, excluded.first_at, excluded.first_id) < (t.calls = 0, t.first_at, t.first_id)
)"""
_FIRST = ("first_at", "first_id", "cell_id")
_TASKS = f"""
    INSERT INTO costs_tasktotal AS t (
        project_id, task_id, first_at, first_id, cell_id, last_at, {", ".join(NARROW_SUMS)}
    )
    SELECT d.project_id, d.task_id, d.first_at, d.first_id, d.cell_id, d.last_at, {_chosen(NARROW_SUMS)}
    FROM unnest(
        %s::int[], %s::text[], %s::timestamptz[], %s::text[], %s::int[], %s::timestamptz[], {_declared(NARROW_SUMS)}
    ) AS d(project_id, task_id, first_at, first_id, cell_id, last_at, {", ".join(NARROW_SUMS)})
    ON CONFLICT (project_id, task_id) DO UPDATE SET {_added("t", NARROW_SUMS)},
        {", ".join(f"{name} = CASE WHEN {_EARLIER} THEN excluded.{name} ELSE t.{name} END" for name in _FIRST)},
        last_at = CASE WHEN t.first_at IS NULL THEN excluded.last_at ELSE GREATEST(t.last_at, excluded.last_at) END
"""  # noqa: S608


def rollup_parts(deltas: Deltas) -> list[Part]:
    """The statements, in the order in which all writers run them, with their parameters."""
    parts = [(_CUBE, _cube_parameters(deltas))]
    if deltas.narrow:
        parts.append((_NARROW, _narrow_parameters(deltas)))
    if deltas.conversations:
        parts.append((_CONVERSATIONS, _conversation_parameters(deltas)))
    if deltas.tasks:
        parts.append((_TASKS, _task_parameters(deltas)))
    return parts


def _cube_parameters(deltas: Deltas) -> list[Any]:
    ordered = sorted(deltas.cube)
    groups = [deltas.cube[key] for key in ordered]
    bins = [histograms(rows) for rows in groups]
    return [
        array([cell for cell, _ in ordered]),
        array([quarter for _, quarter in ordered]),
        *sum_arrays(SUMS, [added([cube_sums(one) for one in rows]) for rows in groups]),
        histogram_array([latency for latency, _ in bins]),
        histogram_array([first_token for _, first_token in bins]),
    ]


def _narrow_parameters(deltas: Deltas) -> list[Any]:
    ordered = sorted(deltas.narrow)
    return [
        *(array(column) for column in zip(*ordered, strict=True)),
        *sum_arrays(NARROW_SUMS, [added(deltas.narrow[key]) for key in ordered]),
    ]


def _conversation_parameters(deltas: Deltas) -> list[Any]:
    ordered = sorted(deltas.conversations)
    groups = [deltas.conversations[key] for key in ordered]
    newest = [max(heard, key=lambda one: one[:2]) for heard in groups]
    return [
        array([project for project, _ in ordered]),
        text_array([conversation for _, conversation in ordered]),
        array([agent for _, agent, _ in newest]),
        array([min(moment for moment, _, _ in heard) for heard in groups]),
        array([moment for moment, _, _ in newest]),
        *sum_arrays(NARROW_SUMS, [added([sums for _, _, sums in heard]) for heard in groups]),
    ]


def _task_parameters(deltas: Deltas) -> list[Any]:
    ordered = sorted(deltas.tasks)
    groups = [deltas.tasks[key] for key in ordered]
    first = [min(begun for begun, _ in group) for group in groups]
    return [
        array([project for project, _ in ordered]),
        text_array([task for _, task in ordered]),
        array([moment for _, moment, _, _ in first]),
        text_array([identity for _, _, identity, _ in first]),
        array([cell for _, _, _, cell in first]),
        array([max(begun[1] for begun, _ in group) for group in groups]),
        *sum_arrays(NARROW_SUMS, [added([sums for _, sums in group]) for group in groups]),
    ]
