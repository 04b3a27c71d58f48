"""A decision is kept, its cost held, and the log waited for, by one call instead of two statements.

What is held is committed at once, so that the budget's row is free for others; the procedure then waits for the log in
a transaction of its own, as `wait_for_log` does. Within a transaction of the caller it leaves both to the caller.

Answers are compressed by lz4 where the server has it, which takes a fraction of the time of its own way.
"""

from django.db import migrations

HOLD_AND_KEEP = """
CREATE PROCEDURE routing_hold_and_keep(
    expected_version bigint, the_public_id text, the_project int, the_print text, the_key bigint, the_parent bigint,
    the_amount numeric, seconds int, the_counters bigint[], the_amounts numeric[], the_held numeric[], checked bool[],
    its_project_id int, its_decision_id text, its_fingerprint uuid, its_created_at timestamptz,
    its_key_id bigint, its_agent_id int, its_conversation_id text, its_role text,
    its_task_type text, its_ask_hash bigint, its_action text, its_reason_code text,
    its_tier text, its_provider text, its_model text, its_policy_version int,
    its_score numeric, its_expected_cost_usd numeric, its_propensity numeric, its_features_version smallint,
    its_features bytea, its_asked jsonb, its_answer jsonb,
    is_alone bool, INOUT outcome text, INOUT expires timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT r.outcome, r.expires INTO outcome, expires FROM budgets_reserve(
        expected_version, the_public_id, the_project, the_print, the_key, the_parent, the_amount, seconds,
        the_counters, the_amounts, the_held, checked
    ) r;
    IF outcome = 'reserved' THEN
        INSERT INTO routing_decision (
            project_id, decision_id, fingerprint, created_at, key_id, agent_id, conversation_id, role,
            task_type, ask_hash, action, reason_code, tier, provider, model, policy_version, score,
            expected_cost_usd, propensity, features_version, features, asked, answer
        ) VALUES (
            its_project_id, its_decision_id, its_fingerprint, its_created_at, its_key_id, its_agent_id,
            its_conversation_id, its_role, its_task_type, its_ask_hash, its_action, its_reason_code,
            its_tier, its_provider, its_model, its_policy_version, its_score, its_expected_cost_usd,
            its_propensity, its_features_version, its_features, its_asked,
            jsonb_set(its_answer, '{reservation,expires_at}',
                to_jsonb(to_char(expires AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
        );
        IF is_alone THEN
            COMMIT;
            PERFORM pg_logical_emit_message(true, 'bursar', '');
        END IF;
    END IF;
END $$
"""
LZ4 = """
DO $$ BEGIN
    ALTER TABLE routing_decision ALTER COLUMN answer SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    NULL;  -- this server was built without it
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0015_conversations_planned_once"), ("budgets", "0011_states_planned_once")]

    operations = [
        migrations.RunSQL(HOLD_AND_KEEP, "DROP PROCEDURE routing_hold_and_keep"),
        migrations.RunSQL(LZ4, "ALTER TABLE routing_decision ALTER COLUMN answer SET COMPRESSION default"),
    ]
