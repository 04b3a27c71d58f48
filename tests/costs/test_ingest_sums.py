"""The sums of ingest do not depend on what else was in the batch: alone or together, every rollup is equal."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.costs.domain.latency import unpacked
from apps.costs.selectors import proof
from tests.costs.factories import NOW, Usage, any_usages, make_usage, record

SUMMED = {
    "costs_usagequarter": "cell_id, bucket",
    "costs_usagequarterby": "kind, value_id, bucket, project_id, model_id",
    "costs_conversationtotal": "project_id, conversation_id",
    "costs_tasktotal": "project_id, task_id",
}
FIRST = NOW.replace(minute=0) - timedelta(hours=6)
SAME_LABEL = {"a": "b=c", "a=b": "c"}
"""Two tags that are one label, "a=b=c"."""
FEW_FIELDS = [
    make_usage(cost_usd=None, latency_ms=latency, conversation_id=talk, agent=agent)
    for latency, talk, agent in ((1, "c1", "x"), (90, "c1", "y"), (None, "c2", "x"), (90, "", "x"), (4, None, "y"))
]
"""Calls without tools, tasks or aggregates, whose tasks are their conversations."""


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2])
def test_alone_and_together_add_up_to_the_same(seed: int) -> None:
    dice = random.Random(seed)
    usages = any_usages(dice, 60, FIRST, NOW)
    usages += [usage | {"id": f"few-{number}"} for number, usage in enumerate(FEW_FIELDS * 2)]
    usages[0] |= {"tags": SAME_LABEL}
    usages[1] |= {"task_id": "t1", "run_id": 'odd "text", {braces} and \\ a backslash'}
    together = _after([usages])
    dice.shuffle(usages)
    cuts = sorted(dice.sample(range(len(usages)), 12))
    in_pieces = _after([usages[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(usages)], strict=True)])
    alone = _after([[usage] for usage in usages])
    assert (in_pieces, alone) == (together, together)


def _after(batches: Sequence[Sequence[Usage]]) -> dict[str, list[tuple[Any, ...]]]:
    """Every rollup row after these batches, and no other, were recorded; they equal the records."""
    with connection.cursor() as cursor:
        for table in (*SUMMED, "costs_usagekey", "costs_usagerecord"):
            cursor.execute(f"DELETE FROM {table}")
    for batch in batches:
        if batch:
            record(*batch)
    assert not proof.differences(FIRST, NOW.replace(minute=0) + timedelta(hours=1))
    return {table: _rows(table, keys) for table, keys in SUMMED.items()}


def _rows(table: str, keys: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY {keys}")
        names = [column.name for column in cursor.description or ()]
        return [
            tuple(
                unpacked(value) if name.endswith("_bins") else value
                for name, value in zip(names, row, strict=True)
                if name != "last_received_at"
            )
            for row in cursor.fetchall()
        ]
