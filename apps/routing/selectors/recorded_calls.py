"""Recorded model calls in the order of time, with all that a price depends on, and the decisions that led to them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.domain.kinds import CostSource, LabelKind, Status
from apps.costs.domain.providers import canonical_provider
from apps.costs.selectors import recount
from apps.costs.selectors.rerating import METERED, METERED_JOINS, Metered, femto, metered_of_row
from apps.routing.domain.exploring import WHOLE

CHUNK = timedelta(hours=1)
LONGEST = timedelta(days=1)
FEW, MANY = 2_000, 20_000
"""Rows of a piece of time below which the next is twice as long, and above which it is half as long."""
CONVERSING = frozenset({"chat", "text_completion", "generate_content"})
"""Operations a model of another name could have served; embeddings of two models do not mix."""
UNTOUCHED_SOURCES = frozenset({CostSource.CACHE_HIT, CostSource.FREE})
"""Costs that do not depend on which model would have been asked: the agent's own cache, a subscription."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One model call, or an imported sum of several. Its cost in femto-dollars; None is unpriced."""

    project_id: int
    usage_id: str
    occurred_at: datetime
    cell_id: int
    agent_id: int
    model_id: int
    provider: str
    role_id: int
    role: str
    task_type_id: int
    task_type: str
    tier: str
    status: int
    conversation_id: str | None
    task_id: str | None
    decision_id: str | None
    latency_ms: int | None
    cost: int | None
    is_untouched: bool
    is_compressed: bool
    metered: Metered

    @property
    def failed(self) -> bool:
        """Whether it brought nothing."""
        return self.status in (Status.ERROR, Status.CANCELLED)


_COLUMNS = """r.project_id, r.usage_id, r.occurred_at, r.cell_id, c.agent_id, c.model_id, m.provider, c.role_id,
    c.task_type_id, c.tier_id, c.status, r.conversation_id, r.task_id, r.decision_id, r.latency_ms, r.cost_usd,
    r.cost_source, r.compressed OR r.compression_id IS NOT NULL, coalesce(o.name, 'chat')"""
_WIDTH = 19


def calls_between(
    start: datetime, end: datetime, *, project_ids: Iterable[int] | None = None
) -> Iterator[RecordedCall]:
    """Every model call of [start, end), in order; demo data too unless projects are named.

    Read an hour at first, then in pieces of some thousand calls: to plan the question takes longer than a quiet hour.
    """
    labels = _labels()
    projects = None if project_ids is None else sorted(project_ids)
    where = "" if projects is None else " AND r.project_id = ANY(%(projects)s)"
    length = CHUNK
    while start < end:
        until = min(end, start + length)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {_COLUMNS}, {METERED} FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id"
                f" {METERED_JOINS} LEFT JOIN costs_label o ON o.id = r.operation_id"
                " WHERE r.occurred_at >= %(start)s AND r.occurred_at < %(until)s AND c.model_id <> 0"
                f" AND r.operation_id <> %(execute_tool)s{where}"
                " ORDER BY r.occurred_at, r.project_id, r.usage_id",
                {"start": start, "until": until, "projects": projects, **recount.parameters()},
            )
            rows = cursor.fetchall()
        for row in rows:
            yield _call(row, labels)
        start = until
        if len(rows) < FEW:
            length = min(length * 2, LONGEST)
        elif len(rows) > MANY:
            length //= 2


def _call(row: tuple[Any, ...], labels: Mapping[int, str]) -> RecordedCall:
    (
        project_id, usage_id, at, cell_id, agent_id, model_id, provider, role_id, task_type_id, tier_id, status,
        conversation_id, task_id, decision_id, latency_ms, cost, source, is_compressed, operation,
    ) = row[:_WIDTH]  # fmt: skip
    return RecordedCall(
        project_id, usage_id, at, cell_id, agent_id, model_id, provider, role_id, labels.get(role_id, ""), task_type_id,
        labels.get(task_type_id, ""), labels.get(tier_id, ""), status, conversation_id, task_id, decision_id,
        latency_ms, femto(cost), source in UNTOUCHED_SOURCES or operation not in CONVERSING,
        is_compressed, metered_of_row(at, row[_WIDTH:]),
    )  # fmt: skip


def _labels() -> dict[int, str]:
    kinds = [int(kind) for kind in (LabelKind.TIER, LabelKind.ROLE, LabelKind.TASK_TYPE)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM costs_label WHERE kind = ANY(%s)", [kinds])
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as a replay needs it: the score, the question without the message, what was done.

    `chance` is that of the model it got, in millionths.
    """

    score: Decimal | None
    asked: Mapping[str, Any]
    action: str
    provider: str = ""
    model: str = ""
    chance: int = WHOLE


def decisions_between(start: datetime, end: datetime) -> dict[tuple[int, str], Decided]:
    """The decisions of [start, end) by project and id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT project_id, decision_id, score, asked::text, action, provider, model, (propensity * %s)::int"
            " FROM routing_decision WHERE created_at >= %s AND created_at < %s",
            [WHOLE, start, end],
        )
        return {(row[0], row[1]): Decided(row[2], json.loads(row[3]), *row[4:]) for row in cursor.fetchall()}


def scores_between(start: datetime, end: datetime) -> dict[tuple[int, str], Decimal]:
    """The complexity of the decisions of [start, end) that have one, by project and id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT project_id, decision_id, score FROM routing_decision"
            " WHERE created_at >= %s AND created_at < %s AND score IS NOT NULL",
            [start, end],
        )
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def given_up_between(start: datetime, end: datetime) -> set[tuple[int, str]]:
    """Decisions whose model was named as failed when the same ask was decided again: what came of them was not used.

    The agent may call a provider by another of its names than the policy does.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT d.project_id, d.decision_id, d.provider, failed ->> 'provider' FROM routing_decision e
            CROSS JOIN LATERAL jsonb_array_elements(e.asked -> 'failed_attempts') failed
            JOIN routing_decision d ON d.conversation_id = e.conversation_id AND d.project_id = e.project_id
                AND d.ask_hash = e.ask_hash AND d.created_at < e.created_at
                AND d.created_at >= e.created_at - interval '1 day'
                AND failed ->> 'name' = d.model
            WHERE e.created_at >= %(start)s AND e.created_at < %(end)s + interval '1 day'
                AND e.conversation_id IS NOT NULL AND jsonb_typeof(e.asked -> 'failed_attempts') = 'array'
                AND d.created_at >= %(start)s AND d.created_at < %(end)s
            """,
            {"start": start, "end": end},
        )
        return {
            (project_id, decision_id)
            for project_id, decision_id, provider, named in cursor.fetchall()
            if canonical_provider(provider) == canonical_provider(named)
        }
