"""Counters of conversations that are met for the first time are opened by one statement for all of a batch.

There is nothing to count of them: whoever stores a call of a conversation has opened its counter before. Conversations
of which calls are known, and budgets that are raised, are left to the long way, as all are if budgets have changed.
"""

from django.db import migrations

OPEN = """
CREATE FUNCTION budgets_open_new(
    expected_version bigint, of_budgets bigint[], projects int[], conversations text[], the_values text[],
    starts timestamptz[], ends timestamptz[], limits numeric[], ceilings numeric[]
) RETURNS TABLE (id bigint, budget_id bigint, period_start timestamptz, each_value text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    -- No change of these budgets passes a new counter by: who changes one waits for us, and we for those before.
    PERFORM 1 FROM budgets_budget b WHERE b.id = ANY(of_budgets) ORDER BY b.id FOR SHARE;
    IF (SELECT v.version FROM budgets_budgetsversion v WHERE v.id = 1) <> expected_version
        OR EXISTS (SELECT FROM budgets_temporaryraise r WHERE r.budget_id = ANY(of_budgets)) THEN
        RETURN;
    END IF;
    RETURN QUERY
    INSERT INTO budgets_counter AS c (budget_id, each_value, label, period_start, period_end, "limit", raised, ceiling,
        spent, reserved, carried, unpriced_calls, in_force)
    SELECT w.budget_id, w.each_value, w.conversation, w.starts, w.ends, w.lim, 0, w.ceiling, 0, 0, 0, 0, '{}'
    FROM unnest(of_budgets, projects, conversations, the_values, starts, ends, limits, ceilings)
        AS w(budget_id, project_id, conversation, each_value, starts, ends, lim, ceiling)
    WHERE NOT EXISTS (SELECT FROM costs_conversationtotal t
        WHERE t.project_id = w.project_id AND t.conversation_id = w.conversation)
    ORDER BY w.budget_id, w.each_value, w.starts
    ON CONFLICT DO NOTHING RETURNING c.id, c.budget_id, c.period_start, c.each_value;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("budgets", "0012_one_budget_in_one_statement"),
        ("costs", "0027_fold_waste"),
    ]

    operations = [
        migrations.RunSQL(
            OPEN,
            "DROP FUNCTION budgets_open_new(bigint, bigint[], int[], text[], text[], timestamptz[], timestamptz[],"
            " numeric[], numeric[])",
        )
    ]
