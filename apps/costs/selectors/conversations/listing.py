"""Which conversations there were, dearest or newest first. The sums are of the whole conversation, at any length."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection

from apps.costs.domain.coarse import class_of, hour_of
from apps.costs.domain.kinds import OutcomeSource
from apps.costs.selectors.metrics.filters import conditions
from apps.costs.selectors.metrics.from_records import bounded
from apps.costs.selectors.metrics.shapes import UsageQuery
from apps.costs.selectors.records import record_conditions


class Order(StrEnum):
    """What comes first: the dearest, or what was last heard of."""

    COST = "cost"
    NEWEST = "newest"


class Verdict(StrEnum):
    """How a conversation went, by the best source that judged the task of its name."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation: its sums, and how it went. `agent` is the one that was last heard of in it.

    `sent_project` is what its calls name as their project: in that its id is unique, and outcomes are sent to it.
    """

    project_id: int
    project: str
    sent_project: str
    id: str
    agent: str
    first_at: datetime
    last_at: datetime
    calls: int
    error_calls: int
    tool_executions: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cost_usd: Decimal
    success: bool | None
    success_source: str | None
    quality: Decimal | None
    quality_source: str | None


_FIELDS = tuple(field.name for field in fields(Conversation))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the conversation with this cost or time, id and project."""

    value: Decimal | datetime
    id: str
    project_id: int


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """A part of the list, and whether there is more."""

    conversations: list[Conversation]
    has_more: bool


_SELECT = """
    SELECT t.project_id, p.name, coalesce(p.sent_as, p.name), t.conversation_id, coalesce(a.name, ''), t.first_at,
        t.last_at, t.calls, t.error_calls, t.tool_executions, t.unpriced_calls, t.input_tokens, t.output_tokens,
        t.cache_read_input_tokens,
        t.cost_usd, k.success, k.success_source, k.quality, k.quality_source
    FROM costs_conversationtotal t
    JOIN access_project p ON p.id = t.project_id
    LEFT JOIN access_agent a ON a.id = t.agent_id
    LEFT JOIN costs_tasktotal k ON k.project_id = t.project_id AND k.task_id = t.conversation_id
"""
_COLUMN = {Order.COST: "t.cost_usd", Order.NEWEST: "t.last_at"}
_COARSE = {Order.COST: ("t.cost_class", class_of), Order.NEWEST: ("t.last_hour", hour_of)}
"""What is indexed instead of these columns, and how it follows from their values."""
_WENT = {
    Verdict.SUCCEEDED: "k.success",
    Verdict.FAILED: "NOT k.success",
    Verdict.UNKNOWN: "k.success IS NULL",
}
_OF_IT = "r.project_id = t.project_id AND r.conversation_id = t.conversation_id"
_OTHERS = f"""NOT EXISTS (
    SELECT FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
    WHERE {_OF_IT} AND r.occurred_at BETWEEN t.first_at AND t.last_at AND c.agent_id <> ALL(%(own_agents)s)
)"""  # noqa: S608


def conversation_page(
    query: UsageQuery,
    *,
    limit: int,
    order: Order = Order.COST,
    verdict: Verdict | None = None,
    after: Place | None = None,
    own_agents: Sequence[int] | None = None,
) -> ConversationPage:
    """Conversations that were going on in the time of a query and have a record that matches its filters.

    With `own_agents`, those in which nobody but these agents took part. Filters other than the project look into the
    records: raises BadQuery when that takes too long, or for an unknown dimension.
    """
    where, parameters, reads_records = _conditions(query)
    if verdict:
        where.append(_WENT[verdict])
    if own_agents is not None:
        where.append(_OTHERS)
        parameters["own_agents"] = list(own_agents)
    column, (coarse, coarse_of) = _COLUMN[order], _COARSE[order]
    if after:
        # The first comparison is implied by the second, but only it can use an index.
        where.append(
            f"{coarse} <= {coarse_of('%(value)s')} AND ({column} < %(value)s"
            f" OR ({column} = %(value)s AND (t.conversation_id, t.project_id) > (%(id)s, %(after_project)s)))"
        )
        parameters |= {"value": after.value, "id": after.id, "after_project": after.project_id}
    sql = (
        f"{_SELECT} WHERE {' AND '.join(where)}"
        f" ORDER BY {coarse} DESC, {column} DESC, t.conversation_id, t.project_id LIMIT %(limit)s"
    )
    with bounded() if reads_records or own_agents is not None else nullcontext():
        found = _read(sql, {**parameters, "limit": limit + 1})
    return ConversationPage(found[:limit], len(found) > limit)


def conversation(
    rows: Sequence[int], conversation_id: str, *, own_agents: Sequence[int] | None = None
) -> Conversation | None:
    """One conversation, or None: that of the first of these rows of a project which has one of this id.

    With `own_agents`, only if nobody but these agents took part.
    """
    where = "t.project_id = ANY(%(rows)s) AND t.conversation_id = %(id)s"
    parameters: dict[str, Any] = {"rows": list(rows), "id": conversation_id}
    if own_agents is not None:
        where, parameters["own_agents"] = f"{where} AND {_OTHERS}", list(own_agents)
    found = _read(f"{_SELECT} WHERE {where}", parameters)
    return min(found, key=lambda one: rows.index(one.project_id), default=None)


def heard_of_since(query: UsageQuery, since: datetime | None) -> tuple[datetime | None, int]:
    """The newest call of any conversation of a query that filters by nothing but the project, and how many
    conversations had calls after an instant."""
    where, parameters, _ = _conditions(query)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(t.last_at), count(*) FILTER (WHERE t.last_at > %(since)s) FROM costs_conversationtotal t"
            f" WHERE {' AND '.join(where)} AND (%(since)s::timestamptz IS NULL OR t.last_at >= %(since)s)",
            {**parameters, "since": since},
        )
        newest, count = cursor.fetchone()
    return newest, count


def conversation_sums(query: UsageQuery) -> tuple[int, Decimal] | None:
    """How many conversations were going on, and what they cost as a whole; None where filters look into records."""
    where, parameters, reads_records = _conditions(query)
    if reads_records:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), coalesce(sum(t.cost_usd), 0) FROM costs_conversationtotal t WHERE {' AND '.join(where)}",
            parameters,
        )
        found: tuple[int, Decimal] = cursor.fetchone()
    return found


def _conditions(query: UsageQuery) -> tuple[list[str], dict[str, Any], bool]:
    """Conditions on t, their parameters, and whether they look into the records."""
    of_project = {name: values for name, values in query.filters.items() if name == "project"}
    projects = conditions(replace(query, filters=of_project)).projects
    where = [
        "t.project_id = ANY(%(seen)s)",
        f"t.first_at < %(end)s AND t.last_at >= %(start)s AND t.last_hour >= {hour_of('%(start)s')}",
    ]
    parameters: dict[str, Any] = {"seen": list(projects), "start": query.start, "end": query.end}
    if not set(query.filters) - {"project"}:
        return where, parameters, False
    matches, more = record_conditions(query)
    where.append(
        f"EXISTS (SELECT FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id WHERE {_OF_IT} AND {matches})"
    )
    return where, parameters | more, True


def _read(sql: str, parameters: Mapping[str, Any]) -> list[Conversation]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [_spoken(row) for row in cursor.fetchall()]


def _spoken(row: Sequence[Any]) -> Conversation:
    spoken = dict(zip(_FIELDS, row, strict=True))
    for name in ("success_source", "quality_source"):
        spoken[name] = source_name(spoken[name])
    return Conversation(**spoken)


def source_name(number: int | None) -> str | None:
    """A source of outcomes as the API says it."""
    return None if number is None else OutcomeSource(number).name.lower()
