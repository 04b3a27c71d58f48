"""What a decision reads of its conversation, in one trip."""

from decimal import Decimal

from django.db import connection

from apps.routing.domain.conversation import NO_CONVERSATION, Conversation, Held

LAST_CALLS = 20
_READ = f"""
    SELECT d.provider, d.model, d.tier, d.ask_hash, d.created_at, d.score, t.cost_usd, calls.told
    FROM (SELECT 1) AS one
    LEFT JOIN LATERAL (
        SELECT provider, model, tier, ask_hash, created_at, score FROM routing_decision
        WHERE conversation_id = %(conversation)s AND project_id = %(project)s AND role = %(role)s AND action = 'route'
        ORDER BY created_at DESC LIMIT 1
    ) d ON true
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
"""


def conversation_of(project_id: int, conversation_id: str | None, role: str) -> Conversation:
    """The model a conversation holds for a role, what it spent, and its last calls."""
    if not conversation_id:
        return NO_CONVERSATION
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"project": project_id, "conversation": conversation_id, "role": role})
        provider, model, tier, ask_hash, at, score, spent, calls = cursor.fetchone()
    held = Held((provider, model), tier, ask_hash, at, score) if at else None
    return Conversation(held, spent or Decimal(0), [tuple(call) for call in calls or ()])
