"""The ledger's moves once more in fewer steps: to hold an amount in one budget takes two statements, to settle it four.

1. The version of the budgets is looked at by the statement that writes the reservation. 2. A counter and its ledger
row are written by one statement where there is one counter; where there are many, all are locked in the order of
their ids, then written by one. 3. A single reservation without a parent is settled by one UPDATE.

4. Neither function waits for the disk while it has the counter's row, which others want: its transaction is committed
at once, and whoever called waits for the log (`wait_for_log`) before anything is answered. What others read of it
meanwhile is answered after their own wait, which is for this one's log too; so nothing that was answered can be lost.

Plans are made while tables are small, and kept: without `enable_seqscan = off` such a plan reads a whole table for one
row, for as long as its connection lives. The ledger is keyed by counter and number, which is how it is read, and has
no other index; of counters the index on their budget alone is the beginning of another one.
"""

from importlib import import_module

from django.db import migrations, models

BEFORE = import_module("apps.budgets.migrations.0007_ledger_in_fewer_steps")
INDEXES = """
ALTER TABLE budgets_entry DROP CONSTRAINT budgets_entry_pkey, ADD PRIMARY KEY (counter_id, id);
DROP INDEX budgets_entry_of_counter;
"""
INDEXES_BEFORE = """
CREATE INDEX budgets_entry_of_counter ON budgets_entry (counter_id, id);
ALTER TABLE budgets_entry DROP CONSTRAINT budgets_entry_pkey, ADD PRIMARY KEY (id);
"""
RESERVE = """
CREATE OR REPLACE FUNCTION budgets_reserve(
    expected_version bigint, the_public_id text, the_project int, the_print text, the_key bigint, the_parent bigint,
    the_amount numeric, seconds int, the_counters bigint[], the_amounts numeric[], the_held numeric[], checked bool[],
    OUT outcome text, OUT reservation bigint, OUT expires timestamptz
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    ends timestamptz := clock_timestamp() + make_interval(secs => seconds);
    place int;
BEGIN
    -- The row is free for others as soon as this is committed; whoever called waits for the disk before it answers.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF the_parent IS NOT NULL THEN
        IF (SELECT v.version FROM budgets_budgetsversion v WHERE v.id = 1) <> expected_version THEN
            outcome := 'stale';
            RETURN;
        END IF;
        UPDATE budgets_reservation p SET "left" = p."left" - the_amount
        WHERE p.id = the_parent AND p.state = 0 AND p.expires_at > clock_timestamp() AND p."left" >= the_amount
        RETURNING p.counters, least(p.expires_at, ends),
            ARRAY(SELECT CASE WHEN h IS NOT NULL THEN 0 END FROM unnest(p.held) AS h) INTO the_counters, ends, the_held;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'parent' USING ERRCODE = 'BU402', DETAIL = '0';
        END IF;
    END IF;
    INSERT INTO budgets_reservation (public_id, project_id, fingerprint, key_id, parent_id, counters, held, amount,
        "left", settled, state, expires_at)
    SELECT the_public_id, the_project, the_print, the_key, the_parent, the_counters, the_held, the_amount,
        the_amount, 0, 0, ends
    FROM budgets_budgetsversion v WHERE v.id = 1 AND (v.version = expected_version OR the_parent IS NOT NULL)
    RETURNING id, expires_at INTO reservation, expires;
    IF NOT FOUND THEN
        outcome := 'stale';
        RETURN;
    END IF;
    outcome := 'reserved';
    IF the_parent IS NOT NULL THEN
        RETURN;
    END IF;
    FOR place IN 1 .. cardinality(the_counters) LOOP
        WITH taken AS (
            UPDATE budgets_counter c SET reserved = c.reserved + the_amounts[place]
            WHERE c.id = the_counters[place]
                AND (NOT checked[place] OR c.ceiling IS NULL
                    OR c.carried + c.spent + c.reserved + the_amounts[place] <= c.ceiling)
            RETURNING c.id
        )
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
        SELECT t.id, 1, 0, the_amounts[place], 0, reservation FROM taken t;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'budget' USING ERRCODE = 'BU402', DETAIL = the_counters[place]::text;
        END IF;
    END LOOP;
END $$
"""
SETTLE_ONE = """
CREATE FUNCTION budgets_settle_one(the_project int, the_public_id text, its_cost numeric, is_final bool)
RETURNS budgets_freed LANGUAGE plpgsql AS $$
DECLARE
    the_id bigint;
    its_counters bigint[];
    its_held numeric[];
    had numeric;
    gone numeric;
    amounts numeric[];
BEGIN
    UPDATE budgets_reservation e SET settled = e.settled + its_cost,
        "left" = CASE WHEN is_final THEN 0 ELSE e."left" - least(e."left", its_cost) END,
        state = CASE WHEN is_final THEN 1 ELSE 0 END,
        ended_at = CASE WHEN is_final THEN clock_timestamp() END
    FROM (
        SELECT o.id, o."left" FROM budgets_reservation o
        WHERE o.project_id = the_project AND o.public_id = the_public_id AND o.parent_id IS NULL FOR UPDATE
    ) AS o
    WHERE e.id = o.id AND e.state = 0 AND e.expires_at > clock_timestamp()
    RETURNING e.id, e.counters, e.held, o."left" INTO the_id, its_counters, its_held, had;
    IF NOT FOUND THEN
        -- It draws from a parent, or has ended.
        RETURN budgets_settle(ARRAY[the_project], ARRAY[the_public_id], ARRAY[its_cost], ARRAY[is_final]);
    END IF;
    gone := CASE WHEN is_final THEN had ELSE least(had, its_cost) END;
    FOR place IN 1 .. cardinality(its_counters) LOOP
        amounts[place] := CASE WHEN its_held[place] IS NULL THEN -gone WHEN is_final THEN -its_held[place] ELSE 0 END;
    END LOOP;
    RETURN ROW(its_counters, coalesce(amounts, '{}'), ARRAY[the_id])::budgets_freed;
END $$
"""
CHARGE = """
CREATE OR REPLACE FUNCTION budgets_charge(
    expected_version bigint, the_counters bigint[], the_spent numeric[], the_holds numeric[], the_unpriced bigint[],
    later_of bigint[], later_from timestamptz[], later_until timestamptz[],
    settled_projects int[], settled_ids text[], settled_amounts numeric[], settled_final bool[]
) RETURNS TABLE (id bigint, spent numeric, reserved numeric, carried numeric, "limit" numeric, raised numeric,
    ceiling numeric, unpriced_calls bigint, in_force text[]) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    m_counters bigint[] := the_counters;
    m_spent numeric[] := the_spent;
    m_reserved numeric[] := the_holds;
    m_unpriced bigint[] := the_unpriced;
    freed budgets_freed := ROW('{}', '{}', '{}');
    place int;
BEGIN
    -- The row is free for others as soon as this is committed; whoever called waits for the disk before it answers.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF (SELECT v.version FROM budgets_budgetsversion v WHERE v.id = 1) <> expected_version THEN
        RETURN QUERY SELECT -1::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric,
            0::bigint, '{}'::text[];
        RETURN;
    END IF;
    IF cardinality(settled_ids) = 1 THEN
        freed := budgets_settle_one(settled_projects[1], settled_ids[1], settled_amounts[1], settled_final[1]);
    ELSIF cardinality(settled_ids) > 1 THEN
        freed := budgets_settle(settled_projects, settled_ids, settled_amounts, settled_final);
    END IF;
    IF freed.counters = the_counters THEN
        FOR place IN 1 .. cardinality(the_counters) LOOP
            m_reserved[place] := m_reserved[place] + freed.amounts[place];
        END LOOP;
    ELSIF cardinality(freed.counters) > 0 THEN
        SELECT array_agg(x.counter ORDER BY x.counter), array_agg(x.spent ORDER BY x.counter),
            array_agg(x.reserved ORDER BY x.counter), array_agg(x.unpriced ORDER BY x.counter)
        INTO m_counters, m_spent, m_reserved, m_unpriced
        FROM (
            SELECT u.counter, sum(u.spent) AS spent, sum(u.reserved) AS reserved, sum(u.unpriced)::bigint AS unpriced
            FROM (
                SELECT unnest(the_counters) AS counter, unnest(the_spent) AS spent, unnest(the_holds) AS reserved,
                    unnest(the_unpriced) AS unpriced
                UNION ALL SELECT unnest(freed.counters), 0, unnest(freed.amounts), 0
            ) u GROUP BY u.counter
        ) x;
    END IF;
    IF cardinality(m_counters) = 1 AND cardinality(later_of) = 0 THEN
        -- The budget of one call, which is often a hot one: its row is written last, and nothing is made for many.
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
        SELECT m_counters[1], 2, m_spent[1], m_reserved[1], m_unpriced[1], freed.reservations[1]
        WHERE m_spent[1] <> 0 OR m_reserved[1] <> 0 OR m_unpriced[1] <> 0;
        UPDATE budgets_counter c SET spent = c.spent + m_spent[1], reserved = c.reserved + m_reserved[1],
            unpriced_calls = c.unpriced_calls + m_unpriced[1]
        WHERE c.id = m_counters[1]
        RETURNING c.id, c.spent, c.reserved, c.carried, c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force
        INTO id, spent, reserved, carried, "limit", raised, ceiling, unpriced_calls, in_force;
        IF FOUND THEN
            RETURN NEXT;
        END IF;
        RETURN;
    END IF;
    INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
    SELECT m.counter, 2, m.spent, m.reserved, m.unpriced, freed.reservations[1]
    FROM unnest(m_counters, m_spent, m_reserved, m_unpriced) AS m(counter, spent, reserved, unpriced)
    WHERE m.spent <> 0 OR m.reserved <> 0 OR m.unpriced <> 0;
    IF cardinality(later_of) > 0 THEN
        -- Later days carry what this one has spent; they are locked with the others, in the order of their ids.
        PERFORM 1 FROM budgets_counter c WHERE c.id = ANY(m_counters) OR c.id IN (
            SELECT l.id FROM unnest(later_of, later_from, later_until) AS w(counter, starts, ends)
            JOIN budgets_counter o ON o.id = w.counter
            JOIN budgets_counter l ON l.budget_id = o.budget_id AND l.each_value = o.each_value
                AND l.period_start > w.starts AND l.period_start < w.ends)
        ORDER BY c.id FOR NO KEY UPDATE;
        UPDATE budgets_counter c SET carried = c.carried + m.spent
        FROM (
            SELECT l.id, sum(x.spent) AS spent
            FROM unnest(later_of, later_from, later_until) AS w(counter, starts, ends)
            JOIN unnest(the_counters, the_spent) AS x(counter, spent) ON x.counter = w.counter
            JOIN budgets_counter o ON o.id = w.counter
            JOIN budgets_counter l ON l.budget_id = o.budget_id AND l.each_value = o.each_value
                AND l.period_start > w.starts AND l.period_start < w.ends
            GROUP BY l.id
        ) AS m WHERE c.id = m.id AND m.spent <> 0;
    ELSE
        PERFORM 1 FROM budgets_counter c WHERE c.id = ANY(m_counters) ORDER BY c.id FOR NO KEY UPDATE;
    END IF;
    RETURN QUERY UPDATE budgets_counter c SET spent = c.spent + m.spent, reserved = c.reserved + m.reserved,
        unpriced_calls = c.unpriced_calls + m.unpriced
    FROM unnest(m_counters, m_spent, m_reserved, m_unpriced) AS m(counter, spent, reserved, unpriced)
    WHERE c.id = m.counter
    RETURNING c.id, c.spent, c.reserved, c.carried, c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("budgets", "0008_downgrades_told")]

    operations = [
        migrations.RunSQL(INDEXES, INDEXES_BEFORE),
        migrations.RunSQL(RESERVE, BEFORE.RESERVE),
        migrations.RunSQL(SETTLE_ONE, "DROP FUNCTION budgets_settle_one(int, text, numeric, bool)"),
        migrations.RunSQL(CHARGE, BEFORE.CHARGE),
        migrations.AlterField(
            model_name="counter",
            name="budget",
            field=models.ForeignKey(
                db_index=False, on_delete=models.deletion.CASCADE, related_name="counters", to="budgets.budget"
            ),
        ),
    ]
