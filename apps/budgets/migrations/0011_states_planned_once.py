"""How budgets stand for a call, as a function whose statement is planned once for each connection.

Planning it took as long as running it, and PostgreSQL planned it anew every time: it takes an array for ten values long
where most calls have two budgets, so that a plan for the arrays at hand always looked cheaper. Plans are made while
tables are small, and kept: without `enable_seqscan = off` such a plan reads a whole table for one row.
"""

from django.db import migrations

STATES = """
CREATE FUNCTION budgets_states(
    budget_ids bigint[], each_values text[], starts timestamptz[], window_starts timestamptz[], periods text[]
) RETURNS TABLE (place bigint, id bigint, spent numeric, reserved numeric, carried numeric, "limit" numeric,
    raised numeric, ceiling numeric, unpriced_calls bigint, in_force text[], raised_anew numeric, version bigint)
LANGUAGE plpgsql STABLE ROWS 2 SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT w.place, c.id, c.spent, c.reserved, CASE WHEN w.period <> 'rolling' OR c.id IS NOT NULL THEN c.carried ELSE (
            SELECT sum(d.spent) FROM budgets_counter d WHERE d.budget_id = w.budget_id
                AND d.each_value = w.each_value AND d.period_start >= w.window_start AND d.period_start < w.period_start
        ) END,
        c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force,
        (SELECT coalesce(sum(r.amount), 0) FROM budgets_temporaryraise r WHERE r.budget_id = w.budget_id
            AND r.starts_at <= w.period_start AND (r.ends_at IS NULL OR r.ends_at > w.period_start)),
        (SELECT v.version FROM budgets_budgetsversion v)
    FROM unnest(budget_ids, each_values, starts, window_starts, periods)
        WITH ORDINALITY AS w(budget_id, each_value, period_start, window_start, period, place)
    LEFT JOIN budgets_counter c
        ON c.budget_id = w.budget_id AND c.each_value = w.each_value AND c.period_start = w.period_start
    ORDER BY w.place;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("budgets", "0010_counters_one_by_one")]

    operations = [
        migrations.RunSQL(
            STATES, "DROP FUNCTION budgets_states(bigint[], text[], timestamptz[], timestamptz[], text[])"
        )
    ]
