"""Counters of one charge are changed one by one again, in the order of their ids.

To lock them first and change them by one statement was slower for the two to twenty that a call or a batch has.
"""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.budgets.migrations.0009_one_call_in_fewer_steps")
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
    IF cardinality(m_counters) = 1 THEN
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
        SELECT m_counters[1], 2, m_spent[1], m_reserved[1], m_unpriced[1], freed.reservations[1]
        WHERE m_spent[1] <> 0 OR m_reserved[1] <> 0 OR m_unpriced[1] <> 0;
    ELSE
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
        SELECT m.counter, 2, m.spent, m.reserved, m.unpriced, freed.reservations[1]
        FROM unnest(m_counters, m_spent, m_reserved, m_unpriced) AS m(counter, spent, reserved, unpriced)
        WHERE m.spent <> 0 OR m.reserved <> 0 OR m.unpriced <> 0;
    END IF;
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
    END IF;
    FOR place IN 1 .. coalesce(cardinality(m_counters), 0) LOOP
        UPDATE budgets_counter c SET spent = c.spent + m_spent[place], reserved = c.reserved + m_reserved[place],
            unpriced_calls = c.unpriced_calls + m_unpriced[place]
        WHERE c.id = m_counters[place]
        RETURNING c.id, c.spent, c.reserved, c.carried, c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force
        INTO id, spent, reserved, carried, "limit", raised, ceiling, unpriced_calls, in_force;
        IF FOUND THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("budgets", "0009_one_call_in_fewer_steps")]

    operations = [migrations.RunSQL(CHARGE, BEFORE.CHARGE)]
