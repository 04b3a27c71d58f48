"""What a decision reads, in one trip: budgets, the conversation, an answer given before, and who holds the key."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from apps.access.selectors import callers
from apps.access.selectors.callers import KeyHolder, holder_from
from apps.access.statements import prepared
from apps.budgets.domain.scopes import Facts
from apps.budgets.domain.states import BudgetState
from apps.budgets.selectors import states
from apps.budgets.selectors.states import matched
from apps.routing.domain.conversation import Conversation, Held

_CONVERSATION = """
    routing_conversation(%(conversation)s::text, %(project)s::int, %(role)s::text, %(decision)s::text)
"""
_COLUMNS = 11
_READ = f"SELECT c.*, b.* FROM {_CONVERSATION} c LEFT JOIN {states.STATES} b ON true ORDER BY b.place"
_READ_WITH_KEY = f"""
    SELECT c.*, b.*, k.* FROM ({callers.BY_DIGEST}) k CROSS JOIN {_CONVERSATION} c LEFT JOIN {states.STATES} b ON true
    ORDER BY b.place
"""


class Seen(msgspec.Struct, frozen=True):
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
