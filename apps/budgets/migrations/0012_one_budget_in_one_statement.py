"""One call in one budget is held by one statement and settled by one, which are in `services/statements.py`.

1. A reservation is settled in its page: no index has a column that changes then. So those due are found by when they
expire, from where the last sweep had ended all (`expired_until`). Its check, which was read and planned anew by every
statement, is part of what the statements say. `freed` is what its last settlement gave back.
2. `waited_at` is when somebody last waited for a counter. Only while it is wanted by many is it committed before the
disk has it; otherwise the statement's own commit waits, and nobody has to ask for that by another trip.
"""

from importlib import import_module

from django.db import migrations, models

BEFORE = import_module("apps.budgets.migrations.0009_one_call_in_fewer_steps")
BEFORE_CHARGE = import_module("apps.budgets.migrations.0010_counters_one_by_one")
BEFORE_SETTLE = import_module("apps.budgets.migrations.0007_ledger_in_fewer_steps")
ROWS = """
ALTER TABLE budgets_reservation SET (fillfactor = 50, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = 10000, autovacuum_analyze_threshold = 10000);
"""
ROWS_BEFORE = """
ALTER TABLE budgets_reservation RESET (autovacuum_vacuum_threshold, autovacuum_vacuum_insert_threshold,
    autovacuum_analyze_threshold);
ALTER TABLE budgets_reservation SET (fillfactor = 70);
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
CREATE OR REPLACE FUNCTION budgets_settle_one(the_project int, the_public_id text, its_cost numeric, is_final bool)
RETURNS budgets_freed LANGUAGE plpgsql AS $$
DECLARE
    the_id bigint;
    its_counters bigint[];
    its_held numeric[];
    gone numeric;
    amounts numeric[];
BEGIN
    UPDATE budgets_reservation e SET settled = e.settled + its_cost,
        freed = CASE WHEN is_final THEN e."left" ELSE least(e."left", its_cost) END,
        "left" = CASE WHEN is_final THEN 0 ELSE e."left" - least(e."left", its_cost) END,
        state = CASE WHEN is_final THEN 1 ELSE 0 END,
        ended_at = CASE WHEN is_final THEN clock_timestamp() END
    WHERE e.project_id = the_project AND e.public_id = the_public_id AND e.parent_id IS NULL
        AND e.state = 0 AND e.expires_at > clock_timestamp()
    RETURNING e.id, e.counters, e.held, e.freed INTO the_id, its_counters, its_held, gone;
    IF NOT FOUND THEN
        -- It draws from a parent, or has ended.
        RETURN budgets_settle(ARRAY[the_project], ARRAY[the_public_id], ARRAY[its_cost], ARRAY[is_final]);
    END IF;
    FOR place IN 1 .. cardinality(its_counters) LOOP
        amounts[place] := CASE WHEN its_held[place] IS NULL THEN -gone WHEN is_final THEN -its_held[place] ELSE 0 END;
    END LOOP;
    RETURN ROW(its_counters, coalesce(amounts, '{}'), ARRAY[the_id])::budgets_freed;
END $$
"""
SETTLE = """
CREATE OR REPLACE FUNCTION budgets_settle(projects int[], public_ids text[], amounts numeric[], finals bool[])
RETURNS budgets_freed LANGUAGE plpgsql AS $$
DECLARE
    r budgets_reservation;
    freed budgets_freed := ROW('{}', '{}', '{}');
    wanted bigint[];
    sent int[];
    place int;
    number int;
    drawn numeric;
    spare numeric;
BEGIN
    IF cardinality(public_ids) = 1 THEN
        SELECT ARRAY[e.id], ARRAY[1], e.parent_id FROM budgets_reservation e
        WHERE e.project_id = projects[1] AND e.public_id = public_ids[1] INTO wanted, sent, r.parent_id;
        IF r.parent_id IS NOT NULL THEN
            PERFORM 1 FROM budgets_reservation l WHERE l.id = r.parent_id FOR UPDATE;
        END IF;
    ELSE
        PERFORM 1 FROM budgets_reservation l WHERE l.id IN (
            SELECT unnest(ARRAY[e.id, e.parent_id]) FROM budgets_reservation e
            JOIN unnest(projects, public_ids) AS s(project, public_id)
                ON e.project_id = s.project AND e.public_id = s.public_id)
        ORDER BY l.id FOR UPDATE;
        SELECT array_agg(e.id ORDER BY e.id DESC), array_agg(s.place::int ORDER BY e.id DESC) INTO wanted, sent
        FROM budgets_reservation e JOIN unnest(projects, public_ids) WITH ORDINALITY AS s(project, public_id, place)
            ON e.project_id = s.project AND e.public_id = s.public_id;
    END IF;
    FOR number IN 1 .. coalesce(cardinality(wanted), 0) LOOP
        place := sent[number];
        SELECT * INTO r FROM budgets_reservation e WHERE e.id = wanted[number] FOR UPDATE;
        IF r.state <> 0 OR r.expires_at <= clock_timestamp() THEN
            CONTINUE;
        END IF;
        drawn := least(r."left", amounts[place]);
        spare := CASE WHEN finals[place] THEN r."left" - drawn ELSE 0 END;
        IF finals[place] AND r.parent_id IS NOT NULL THEN
            UPDATE budgets_reservation p SET "left" = p."left" + spare WHERE p.id = r.parent_id AND p.state = 0;
            IF FOUND THEN
                spare := 0;
            END IF;
        END IF;
        freed.counters := freed.counters || r.counters;
        freed.reservations := freed.reservations || r.id;
        FOR i IN 1 .. cardinality(r.counters) LOOP
            freed.amounts := freed.amounts || CASE
                WHEN r.held[i] IS NULL THEN -(drawn + spare) WHEN finals[place] THEN -r.held[i] ELSE 0 END;
        END LOOP;
        UPDATE budgets_reservation e SET settled = e.settled + amounts[place],
            freed = CASE WHEN finals[place] THEN e."left" ELSE drawn END,
            "left" = CASE WHEN finals[place] THEN 0 ELSE e."left" - drawn END,
            state = CASE WHEN finals[place] THEN 1 ELSE 0 END,
            ended_at = CASE WHEN finals[place] THEN clock_timestamp() END
        WHERE e.id = r.id;
    END LOOP;
    RETURN freed;
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
    dependencies = [("budgets", "0011_states_planned_once")]

    operations = [
        migrations.AddField("counter", "waited_at", models.DateTimeField(null=True)),
        migrations.AddField("reservation", "freed", models.DecimalField(max_digits=38, decimal_places=15, null=True)),
        migrations.AddField("budgetsversion", "expired_until", models.DateTimeField(null=True)),
        migrations.RemoveConstraint("reservation", "reservation_never_overdrawn"),
        migrations.RemoveIndex("reservation", "reservation_due"),
        migrations.RemoveIndex("reservation", "reservation_ended"),
        migrations.AddIndex("reservation", models.Index(fields=["expires_at"], name="reservation_expires")),
        migrations.RunSQL(RESERVE, BEFORE.RESERVE),
        migrations.RunSQL(SETTLE_ONE, BEFORE.SETTLE_ONE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(SETTLE, BEFORE_SETTLE.SETTLE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(CHARGE, BEFORE_CHARGE.CHARGE),
        migrations.RunSQL(ROWS, ROWS_BEFORE),
    ]
