"""One conversation in the order in which it happened: its calls and tool executions, and what each added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.domain.kinds import LabelKind, Operation
from apps.costs.domain.repeats import Attempt, Repeat, repeats
from apps.costs.selectors.conversations.listing import Conversation
from apps.costs.selectors.records import Record, records_of

ONE = """
    SELECT * FROM costs_usagerecord WHERE project_id = %(project)s AND conversation_id = %(id)s
    AND occurred_at BETWEEN %(first)s AND %(last)s
"""
"""The records of one conversation; the times let all months but its own be left unread."""


@dataclass(frozen=True, slots=True)
class Step:
    """One record. `running_usd` is what the conversation had cost after it; unknown costs are in no sum.

    For a tool execution `caused_usd` is what calls on its behalf cost, `caused_calls` how many there were.
    """

    record: Record
    running_usd: Decimal
    is_tool: bool
    repeat: Repeat | None
    caused_calls: int = 0
    caused_usd: Decimal = Decimal(0)
    caused_unpriced: int = 0


def key_of_conversation(one: Conversation) -> dict[str, Any]:
    """The parameters of ONE."""
    return {"project": one.project_id, "id": one.id, "first": one.first_at, "last": one.last_at}


def timeline(one: Conversation, *, limit: int, offset: int = 0) -> list[Step]:
    """Up to `limit` steps, oldest first, from the one at `offset` on."""
    source = (
        "SELECT x.*, sum(coalesce(x.cost_usd, 0)) OVER (ORDER BY x.occurred_at, x.usage_id) AS running_usd"
        f" FROM ({ONE}) x ORDER BY x.occurred_at, x.usage_id LIMIT %(limit)s OFFSET %(offset)s"
    )
    parameters = {**key_of_conversation(one), "limit": limit, "offset": offset}
    found = records_of(source, parameters, order="r.occurred_at, r.usage_id", more=", r.running_usd")
    repeated = _repeats(one, found)
    caused = _caused(one)
    return [_step(record, repeated.get(record["id"]), caused) for record in found]


@dataclass(slots=True)
class _Caused:
    calls: int = 0
    unpriced: int = 0
    usd: Decimal = Decimal(0)


def _step(record: Record, repeat: Repeat | None, caused: Mapping[str, _Caused]) -> Step:
    running, part = record.pop("running_usd"), caused.get(record["id"], _Caused())
    is_tool = record["operation"] == Operation.EXECUTE_TOOL
    return Step(record, running, is_tool, repeat, part.calls, part.usd, part.unpriced)


def _caused(one: Conversation) -> dict[str, _Caused]:
    """What calls cost by the tool execution they name: by its tool call, or as their parent.

    A call counts with one execution: of several with the same tool call, with the one nearest in time.
    """
    executions: dict[str, list[tuple[str, datetime]]] = {}
    for identity, tool_call, at in _rows(
        f"SELECT x.usage_id, x.tool_call_id, x.occurred_at FROM ({ONE}) x WHERE x.operation_id = ({_EXECUTE_TOOL})", one
    ):
        for name in {identity, tool_call} - {None}:
            executions.setdefault(name, []).append((identity, at))
    if not executions:
        return {}
    found: dict[str, _Caused] = {}
    for tool_call, parent, at, calls, usd in _rows(
        f"SELECT x.tool_call_id, x.parent_id, x.occurred_at, x.calls, x.cost_usd FROM ({ONE}) x"
        f" WHERE x.operation_id IS DISTINCT FROM ({_EXECUTE_TOOL})"
        " AND (x.tool_call_id IS NOT NULL OR x.parent_id IS NOT NULL)",
        one,
    ):
        named = executions.get(tool_call) or executions.get(parent)
        if named:
            part = found.setdefault(_nearest(named, at), _Caused())
            part.calls += calls
            part.unpriced += calls if usd is None else 0
            part.usd += usd or 0
    return found


def _nearest(named: Sequence[tuple[str, datetime]], at: datetime) -> str:
    return min(named, key=lambda one: (abs(one[1] - at), one[0]))[0]


_EXECUTE_TOOL = "SELECT id FROM costs_label WHERE kind = %(operation)s AND name = %(execute_tool)s"
_OPERATION = int(LabelKind.OPERATION)


def _repeats(one: Conversation, found: Sequence[Record]) -> dict[str, Repeat]:
    """Which of these calls repeat an earlier attempt, wherever in the conversation that was."""
    requests = sorted({record["request_id"] for record in found if record["attempt"] > 1 and record["request_id"]})
    alone = {record["id"]: Repeat("", None) for record in found if record["attempt"] > 1 and not record["request_id"]}
    if not requests:
        return alone
    rows = _rows(
        f"SELECT x.usage_id, x.request_id, x.attempt, m.provider, m.name FROM ({ONE}) x"
        " JOIN costs_cell c ON c.id = x.cell_id JOIN costs_usedmodel m ON m.id = c.model_id"
        " WHERE x.request_id = ANY(%(requests)s)",
        one,
        requests=requests,
    )
    return alone | repeats([Attempt(*row) for row in rows])


def _rows(sql: str, one: Conversation, **more: Any) -> list[tuple[Any, ...]]:
    labels: dict[str, Any] = {"operation": _OPERATION, "execute_tool": Operation.EXECUTE_TOOL.value}
    with connection.cursor() as cursor:
        cursor.execute(sql, {**key_of_conversation(one), **labels, **more})
        return list(cursor.fetchall())
