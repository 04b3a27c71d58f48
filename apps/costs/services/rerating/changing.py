"""Changing how records are billed, and with them every sum they are part of, in one transaction.

The caller holds `repair_alone`, so no repair, fold or merge looks at the sums meanwhile; ingest goes on. Why that is
exact: records and rollups change together, by the same difference, so what records and rollups lack against each other
stays what it was, for every snapshot. Differences are added with `x = row.x + d`, which PostgreSQL applies to the
newest version of a row; rows are taken in the order in which ingest takes them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from apps.costs.domain.pricing import usd_text
from apps.costs.domain.rerating import Billing, Shift, shift
from apps.costs.extension_points import Recharge, recharging
from apps.costs.selectors.proof.exact import PROVABLE_FROM
from apps.costs.selectors.targets import TASK_OF_RECORD
from apps.costs.services.rerating import summing


@dataclass(frozen=True, slots=True)
class Move:
    """A record that is to be billed otherwise; `line` names the move in what comes back."""

    line: int
    project_id: int
    occurred_at: datetime
    usage_id: str
    before: Billing
    after: Billing


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that is billed otherwise now, with all the sums it is part of."""

    move: Move
    cell_id: int
    model_id: int
    key_id: int | None
    user_id: int
    tool_id: int
    tags: Mapping[str, str]
    conversation_id: str | None
    task_id: str | None
    calls: int
    tokens: int

    @property
    def shift(self) -> Shift:
        """What it adds to each of these sums."""
        return shift(self.move.before, self.move.after, calls=self.calls)


class ChangedElsewhere(Exception):
    """A record is not billed any more as the move expects; nothing may be changed."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


def change(cursor: CursorWrapper, moves: Sequence[Move]) -> list[Moved]:
    """Carry out the moves whose records are still there, in this transaction, and give those.

    Raises ChangedElsewhere when a record is there and billed otherwise than the move expects.
    """
    moved = _change_records(cursor, moves)
    if len(moved) < len(moves):
        _refuse_changed(cursor, moves, {one.move.line for one in moved})
    if moved:
        summing.add(cursor, moved)
        if recharging.registered:
            recharging.registered([_recharge(one) for one in moved])
    return moved


_BILLING = ("cost_usd", "price_cost_usd", "price_id", "cost_source", "assumed")
_TYPES = ("numeric", "numeric", "int", "smallint", "int")
_SIDES = [(side, name, kind) for side in ("was", "is") for name, kind in zip(_BILLING, _TYPES, strict=True)]
_DECLARED = ", ".join(f"%({side}_{name})s::{kind}[]" for side, name, kind in _SIDES)
_NAMED = ", ".join(f"{side}_{name}" for side, name, _ in _SIDES)
_WANTED = f"""
    unnest(%(line)s::bigint[], %(project_id)s::int[], %(occurred_at)s::timestamptz[], %(usage_id)s::text[], {_DECLARED})
        AS w(line, project_id, occurred_at, usage_id, {_NAMED})"""
_SAME_RECORD = f"""
    r.project_id = w.project_id AND r.occurred_at = w.occurred_at AND r.usage_id = w.usage_id
        AND r.occurred_at >= %(least)s AND r.occurred_at <= %(most)s AND r.occurred_at >= {PROVABLE_FROM}"""
_CHANGE = f"""
    WITH changed AS (
        UPDATE costs_usagerecord r SET {", ".join(f"{name} = w.is_{name}" for name in _BILLING)}
        FROM {_WANTED} WHERE {_SAME_RECORD}
            AND ({", ".join(f"r.{name}" for name in _BILLING)})
                IS NOT DISTINCT FROM ({", ".join(f"w.was_{name}" for name in _BILLING)})
        RETURNING w.line, r.cell_id, r.key_id, r.user_id, r.tool_id, r.tags, r.conversation_id,
            {TASK_OF_RECORD} AS task_id, r.calls, r.input_tokens + r.output_tokens AS tokens
    )
    SELECT changed.line, changed.cell_id, c.model_id, changed.key_id, changed.user_id, changed.tool_id, changed.tags,
        changed.conversation_id, changed.task_id, changed.calls, changed.tokens
    FROM changed JOIN costs_cell c ON c.id = changed.cell_id ORDER BY changed.line
"""  # noqa: S608


def _change_records(cursor: CursorWrapper, moves: Sequence[Move]) -> list[Moved]:
    by_line = {one.line: one for one in moves}
    cursor.execute(_CHANGE, _parameters(moves))
    return [
        Moved(by_line[line], cell, model, key, user, tool, json.loads(tags) if tags else {}, *rest)
        for line, cell, model, key, user, tool, tags, *rest in cursor.fetchall()
    ]


def _refuse_changed(cursor: CursorWrapper, moves: Sequence[Move], done: set[int]) -> None:
    left = [one for one in moves if one.line not in done]
    cursor.execute(
        f"SELECT w.line FROM {_WANTED} JOIN costs_usagerecord r ON {_SAME_RECORD} ORDER BY w.line LIMIT 1",
        _parameters(left),
    )
    found = cursor.fetchone()
    if found:
        raise ChangedElsewhere(found[0])


def _parameters(moves: Sequence[Move]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "line": [one.line for one in moves],
        "project_id": [one.project_id for one in moves],
        "occurred_at": [one.occurred_at for one in moves],
        "usage_id": [one.usage_id for one in moves],
        "least": min(one.occurred_at for one in moves),
        "most": max(one.occurred_at for one in moves),
    }
    for side, billings in (("was", [one.before for one in moves]), ("is", [one.after for one in moves])):
        values |= {
            f"{side}_cost_usd": [_text(one.cost) for one in billings],
            f"{side}_price_cost_usd": [_text(one.price_cost) for one in billings],
            f"{side}_price_id": [one.price_id for one in billings],
            f"{side}_cost_source": [one.cost_source for one in billings],
            f"{side}_assumed": [one.assumed for one in billings],
        }
    return values


def _text(femto: int | None) -> str | None:
    return None if femto is None else usd_text(femto)


def _recharge(one: Moved) -> Recharge:
    move = one.move
    return Recharge(
        project_id=move.project_id,
        cell_id=one.cell_id,
        occurred_at=move.occurred_at,
        usage_id=move.usage_id,
        calls=one.calls,
        tokens=one.tokens,
        key_id=one.key_id,
        user_id=one.user_id,
        tool_id=one.tool_id,
        tags=one.tags,
        conversation_id=one.conversation_id,
        before=move.before.cost,
        after=move.after.cost,
    )
