"""What a conversation was spent on: by model, and by tool."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.selectors import recount
from apps.costs.selectors.conversations.listing import Conversation
from apps.costs.selectors.conversations.timeline import ONE, key_of_conversation
from apps.costs.selectors.summing import total

_SUMS = ("calls", "error_calls", "unpriced_calls", "input_tokens", "cache_read_input_tokens",
         "cache_creation_input_tokens", "output_tokens", "reasoning_output_tokens", "cost_usd")  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelShare:
    """The calls of one model; tokens by kind as reported."""

    provider: str
    model: str
    calls: int
    error_calls: int
    unpriced_calls: int
    input_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    output_tokens: int
    reasoning_output_tokens: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class ToolShare:
    """One tool: how often it ran, what it billed itself, and what calls on its behalf cost."""

    tool: str
    executions: int
    failed_executions: int
    own_usd: Decimal
    calls: int
    unpriced_calls: int
    calls_usd: Decimal

    @property
    def cost_usd(self) -> Decimal:
        """Its own cost and that of the calls."""
        return self.own_usd + self.calls_usd


def model_shares(one: Conversation) -> list[ModelShare]:
    """The models of a conversation, dearest first; tool executions are no calls of a model."""
    sums = ", ".join(total(recount.MEASURES[name], name) for name in _SUMS)
    return [
        ModelShare(*row)
        for row in _rows(
            f"SELECT m.provider, m.name, {sums} FROM ({ONE}) r JOIN costs_cell c ON c.id = r.cell_id"
            " JOIN costs_usedmodel m ON m.id = c.model_id WHERE r.operation_id <> %(execute_tool)s"
            f" GROUP BY 1, 2 ORDER BY {len(_SUMS) + 2} DESC, 1, 2",
            one,
        )
    ]


def tool_shares(one: Conversation) -> list[ToolShare]:
    """The tools of a conversation, dearest first: executions, and calls that name the tool they were made for."""
    is_tool = "r.operation_id = %(execute_tool)s"
    rows = _rows(
        f"SELECT l.name, coalesce(sum(r.calls) FILTER (WHERE {is_tool}), 0),"
        f" coalesce(sum(r.calls) FILTER (WHERE {is_tool} AND c.status = 1), 0),"
        f" coalesce(sum(r.cost_usd) FILTER (WHERE {is_tool}), 0),"
        f" coalesce(sum(r.calls) FILTER (WHERE NOT {is_tool}), 0),"
        f" coalesce(sum(r.calls) FILTER (WHERE NOT {is_tool} AND r.cost_usd IS NULL), 0),"
        f" coalesce(sum(r.cost_usd) FILTER (WHERE NOT {is_tool}), 0)"
        f" FROM ({ONE}) r JOIN costs_cell c ON c.id = r.cell_id JOIN costs_label l ON l.id = r.tool_id"
        " WHERE r.tool_id <> 0 GROUP BY 1",
        one,
    )
    return sorted((ToolShare(*row) for row in rows), key=lambda share: (-share.cost_usd, -share.executions, share.tool))


def _rows(sql: str, one: Conversation) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, key_of_conversation(one) | recount.parameters())
        return list(cursor.fetchall())
