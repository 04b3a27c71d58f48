"""An outcome moves a turn up also where its task is the conversation, as that of calls that name no task is."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.routing.migrations.0015_conversations_planned_once").SEEN
SEEN = """
CREATE OR REPLACE FUNCTION routing_conversation(
    the_conversation text, the_project int, the_role text, the_decision text)
RETURNS TABLE (provider text, model text, tier text, ask_hash bigint, created_at timestamptz, score numeric,
    cost_usd numeric, calls bigint[], fingerprint text, answer jsonb, has_failed bool)
LANGUAGE plpgsql STABLE ROWS 1 SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT d.provider, d.model, d.tier, d.ask_hash, d.created_at, d.score, t.cost_usd, calls.told,
        same.fingerprint::text, same.answer, judged.success IS FALSE
    FROM (SELECT 1) AS one
    LEFT JOIN LATERAL (
        SELECT r.decision_id, r.provider, r.model, r.tier, r.ask_hash, r.created_at, r.score FROM routing_decision r
        WHERE r.conversation_id = the_conversation AND r.project_id = the_project AND r.role = the_role
            AND r.action = 'route'
        ORDER BY r.created_at DESC LIMIT 1
    ) d ON true
    LEFT JOIN LATERAL (
        SELECT o.success FROM costs_usagerecord r
        JOIN costs_outcome o ON o.project_id = r.project_id
            AND o.task_id = coalesce(nullif(r.task_id, ''), r.conversation_id) COLLATE "C"
        WHERE r.decision_id = d.decision_id COLLATE "default" AND r.project_id = the_project
            AND r.occurred_at > d.created_at - interval '5 minutes'
            AND o.success IS NOT NULL AND o.occurred_at > d.created_at
        ORDER BY o.occurred_at DESC, o.id DESC LIMIT 1
    ) judged ON true
    LEFT JOIN costs_conversationtotal t ON t.project_id = the_project AND t.conversation_id = the_conversation
    LEFT JOIN LATERAL (
        SELECT array_agg(ARRAY[last.tool_id, last.status, last.attempt, last.output_tokens]) AS told
        FROM (
            SELECT r.tool_id, c.status::bigint, r.attempt::bigint, r.output_tokens
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
            WHERE r.conversation_id = the_conversation AND r.project_id = the_project
                AND r.occurred_at > now() - interval '1 day'
            ORDER BY r.occurred_at DESC LIMIT 20
        ) last
    ) calls ON true
    LEFT JOIN routing_decision same ON same.project_id = the_project AND same.decision_id = the_decision;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0018_trials_that_are_remembered")]

    operations = [migrations.RunSQL(SEEN, BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))]
