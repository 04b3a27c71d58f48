"""What a decision reads, in one trip: budgets, the conversation, an answer given before, and who holds the key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.access.selectors import callers
from apps.access.selectors.callers import KeyHolder, holder_from
from apps.access.statements import prepared
from apps.budgets.domain.scopes import Facts
from apps.budgets.domain.states import BudgetState
from apps.budgets.selectors import states
from apps.budgets.selectors.states import matched
from apps.routing.domain.conversation import Conversation, Held

LAST_CALLS = 20
_CONVERSATION = f"""
    SELECT d.provider, d.model, d.tier, d.ask_hash, d.created_at, d.score, t.cost_usd, calls.told,
        same.fingerprint::text, same.answer, judged.success IS FALSE
    FROM (SELECT 1) AS one
    LEFT JOIN LATERAL (
        SELECT decision_id, provider, model, tier, ask_hash, created_at, score FROM routing_decision
        WHERE conversation_id = %(conversation)s AND project_id = %(project)s AND role = %(role)s AND action = 'route'
        ORDER BY created_at DESC LIMIT 1
    ) d ON true
    LEFT JOIN LATERAL (
        SELECT o.success FROM costs_usagerecord r
        JOIN costs_outcome o ON o.project_id = r.project_id AND o.task_id = r.task_id
        WHERE r.decision_id = d.decision_id COLLATE "default" AND r.project_id = %(project)s AND r.task_id IS NOT NULL
            AND r.occurred_at > d.created_at - interval '5 minutes'
            AND o.success IS NOT NULL AND o.occurred_at > d.created_at
        ORDER BY o.occurred_at DESC, o.id DESC LIMIT 1
    ) judged ON true
    LEFT JOIN costs_conversationtotal t ON t.project_id = %(project)s AND t.conversation_id = %(conversation)s
    LEFT JOIN LATERAL (
        SELECT array_agg(ARRAY[tool_id, status, attempt, output_tokens]) AS told
        FROM (
            SELECT r.tool_id, c.status::bigint, r.attempt::bigint, r.output_tokens
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
            WHERE r.conversation_id = %(conversation)s AND r.project_id = %(project)s
                AND r.occurred_at > now() - interval '1 day'
            ORDER BY r.occurred_at DESC LIMIT {LAST_CALLS}
        ) last
    ) calls ON true
    LEFT JOIN routing_decision same ON same.project_id = %(project)s AND same.decision_id = %(decision)s
"""
_COLUMNS = 11
_READ = f"""
    WITH c AS MATERIALIZED ({_CONVERSATION}), b AS MATERIALIZED ({states.STATES})
    SELECT c.*, b.* FROM c LEFT JOIN b ON true ORDER BY b.place
"""
_READ_WITH_KEY = f"""
    WITH k AS MATERIALIZED ({callers.BY_DIGEST}), c AS MATERIALIZED ({_CONVERSATION}),
        b AS MATERIALIZED ({states.STATES})
    SELECT c.*, b.*, k.* FROM k CROSS JOIN c LEFT JOIN b ON true ORDER BY b.place
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one statement found. `before` is the fingerprint and the answer of the decision of this id."""

    states: Sequence[BudgetState]
    conversation: Conversation
    before: tuple[str, dict[str, Any]] | None
    holder: KeyHolder | None


def see(facts: Facts, *, role: str, decision_id: str | None, now: datetime, digest: bytes | None = None) -> Seen | None:
    """What is known of a call that is to come. With the digest of a key, None when no live key has it."""
    sql = _READ if digest is None else _READ_WITH_KEY
    for _ in range(states.TRIES):
        asked = matched(facts, now)
        rows = prepared(
            sql,
            {
                **asked.parameters(),
                "project": facts.project_id,
                "conversation": facts.conversation or None,
                "role": role,
                "decision": decision_id,
                "digest": digest,
            },
        )
        if not rows:
            return None
        of_budgets = [row[_COLUMNS : _COLUMNS + states.COLUMNS] for row in rows]
        if not asked.is_outdated(of_budgets):
            break
    row = rows[0]
    return Seen(
        asked.states(of_budgets) if asked.found else [],
        _conversation(row),
        (row[8], json.loads(row[9])) if row[8] else None,
        None if digest is None else holder_from(row[_COLUMNS + states.COLUMNS :]),
    )


def _conversation(row: Sequence[Any]) -> Conversation:
    provider, model, tier, ask_hash, at, score, spent, calls = row[:8]
    held = Held((provider, model), tier, ask_hash, at, score, row[10]) if at else None
    return Conversation(held, spent or Decimal(0), [tuple(call) for call in calls or ()])
