"""The ledger's moves as functions: one trip each, rows locked in one order, the hot row last and shortest.

Everybody locks reservations in the order of their ids, then counters in the order of theirs, so nobody waits in a
circle. A reservation that does not fit raises BU402 and leaves nothing behind.
"""

from django.db import migrations

VERSION = """
CREATE FUNCTION budgets_raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO budgets_budgetsversion AS v (id, version) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER budget_changed AFTER INSERT OR UPDATE OR DELETE ON budgets_budget
    FOR EACH STATEMENT EXECUTE FUNCTION budgets_raise_version();
CREATE TRIGGER raise_changed AFTER INSERT OR UPDATE OR DELETE ON budgets_temporaryraise
    FOR EACH STATEMENT EXECUTE FUNCTION budgets_raise_version();
INSERT INTO budgets_budgetsversion (id, version) VALUES (1, 1);
ALTER TABLE budgets_counter SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE budgets_reservation SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX budgets_entry_of_counter ON budgets_entry (counter_id, id);
"""
NO_VERSION = """
DROP INDEX budgets_entry_of_counter;
DROP TRIGGER budget_changed ON budgets_budget;
DROP TRIGGER raise_changed ON budgets_temporaryraise;
DROP FUNCTION budgets_raise_version();
"""
RESERVE = """
CREATE FUNCTION budgets_reserve(
    expected_version bigint, the_public_id text, the_project int, the_print text, the_key bigint, the_parent bigint,
    the_amount numeric, seconds int, the_counters bigint[], the_amounts numeric[], the_held numeric[], checked bool[],
    OUT outcome text, OUT reservation bigint, OUT expires timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    ends timestamptz := clock_timestamp() + make_interval(secs => seconds);
    place int;
BEGIN
    IF (SELECT version FROM budgets_budgetsversion) <> expected_version THEN
        outcome := 'stale';
        RETURN;
    END IF;
    IF the_parent IS NOT NULL THEN
        UPDATE budgets_reservation p SET "left" = p."left" - the_amount
        WHERE p.id = the_parent AND p.state = 0 AND p.expires_at > clock_timestamp() AND p."left" >= the_amount
        RETURNING p.counters, least(p.expires_at, ends) INTO the_counters, ends;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'parent' USING ERRCODE = 'BU402', DETAIL = '0';
        END IF;
    END IF;
    INSERT INTO budgets_reservation (public_id, project_id, fingerprint, key_id, parent_id, counters, held, amount,
        "left", settled, state, expires_at)
    VALUES (the_public_id, the_project, the_print, the_key, the_parent, the_counters, the_held, the_amount,
        the_amount, 0, 0, ends)
    RETURNING id, expires_at INTO reservation, expires;
    outcome := 'reserved';
    IF the_parent IS NOT NULL OR cardinality(the_counters) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
    SELECT m.counter, 1, 0, m.amount, 0, reservation
    FROM unnest(the_counters, the_amounts) AS m(counter, amount);
    FOR place IN 1 .. cardinality(the_counters) LOOP
        UPDATE budgets_counter c SET reserved = c.reserved + the_amounts[place]
        WHERE c.id = the_counters[place]
            AND (NOT checked[place] OR c.ceiling IS NULL
                OR c.carried + c.spent + c.reserved + the_amounts[place] <= c.ceiling);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'budget' USING ERRCODE = 'BU402', DETAIL = the_counters[place]::text;
        END IF;
    END LOOP;
END $$
"""
END = """
CREATE FUNCTION budgets_end(wanted bigint[], new_state int, entry_kind int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    r budgets_reservation;
    moved_counters bigint[] := '{}';
    moved_amounts numeric[] := '{}';
    moved_by bigint[] := '{}';
    ended int := 0;
BEGIN
    PERFORM 1 FROM budgets_reservation l
    WHERE l.id = ANY(wanted || ARRAY(SELECT p.parent_id FROM budgets_reservation p
        WHERE p.id = ANY(wanted) AND p.parent_id IS NOT NULL))
    ORDER BY l.id FOR UPDATE;
    FOR r IN SELECT * FROM budgets_reservation e WHERE e.id = ANY(wanted) AND e.state = 0
        AND (new_state <> 3 OR e.expires_at <= clock_timestamp()) ORDER BY e.id DESC LOOP
        ended := ended + 1;
        -- Children end first, so that what they give back to a parent of the same call goes on to the counters.
        SELECT * INTO r FROM budgets_reservation e WHERE e.id = r.id;
        UPDATE budgets_reservation e SET "left" = 0, state = new_state, ended_at = clock_timestamp() WHERE e.id = r.id;
        UPDATE budgets_reservation p SET "left" = p."left" + r."left" WHERE p.id = r.parent_id AND p.state = 0;
        IF NOT FOUND THEN
            moved_counters := moved_counters || r.counters;
            moved_by := moved_by || array_fill(r.id, ARRAY[cardinality(r.counters)]);
            moved_amounts := moved_amounts || ARRAY(
                SELECT CASE WHEN b.unit = 'usd' THEN -r."left" ELSE -coalesce(h.held, 0) END
                FROM unnest(r.counters, r.held) WITH ORDINALITY AS h(counter, held, place)
                JOIN budgets_counter c ON c.id = h.counter JOIN budgets_budget b ON b.id = c.budget_id
                ORDER BY h.place);
        END IF;
    END LOOP;
    PERFORM budgets_move(moved_counters, moved_amounts, moved_by, entry_kind);
    RETURN ended;
END $$
"""
MOVE = """
CREATE FUNCTION budgets_move(the_counters bigint[], the_amounts numeric[], by_reservation bigint[], entry_kind int)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(the_counters) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
    SELECT m.counter, entry_kind, 0, m.amount, 0, m.reservation
    FROM unnest(the_counters, the_amounts, by_reservation) AS m(counter, amount, reservation) WHERE m.amount <> 0;
    PERFORM 1 FROM budgets_counter c WHERE c.id = ANY(the_counters) ORDER BY c.id FOR NO KEY UPDATE;
    UPDATE budgets_counter c SET reserved = c.reserved + m.amount
    FROM (SELECT counter, sum(amount) AS amount FROM unnest(the_counters, the_amounts) AS x(counter, amount)
        GROUP BY counter) AS m
    WHERE c.id = m.counter AND m.amount <> 0;
END $$
"""
CHARGE = """
CREATE FUNCTION budgets_charge(
    expected_version bigint, the_counters bigint[], the_spent numeric[], the_holds numeric[], the_unpriced bigint[],
    later_of bigint[], later_from timestamptz[], later_until timestamptz[],
    settled_projects int[], settled_ids text[], settled_amounts numeric[], settled_final bool[]
) RETURNS TABLE (id bigint, spent numeric, reserved numeric, carried numeric, "limit" numeric, raised numeric,
    ceiling numeric, unpriced_calls bigint, in_force text[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r record;
    drawn numeric;
    spare numeric;
    freed_counters bigint[] := '{}';
    freed_amounts numeric[] := '{}';
    freed_by bigint[] := '{}';
    carrying bigint[];
BEGIN
    IF (SELECT v.version FROM budgets_budgetsversion v) <> expected_version THEN
        RETURN QUERY SELECT -1::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric,
            0::bigint, '{}'::text[];
        RETURN;
    END IF;
    IF cardinality(settled_ids) > 0 THEN
        PERFORM 1 FROM budgets_reservation l WHERE l.id IN (
            SELECT unnest(ARRAY[e.id, e.parent_id]) FROM budgets_reservation e
            JOIN unnest(settled_projects, settled_ids) AS s(project, public_id)
                ON e.project_id = s.project AND e.public_id = s.public_id)
        ORDER BY l.id FOR UPDATE;
        FOR r IN SELECT e.id, s.amount, s.final FROM budgets_reservation e
            JOIN unnest(settled_projects, settled_ids, settled_amounts, settled_final)
                AS s(project, public_id, amount, final) ON e.project_id = s.project AND e.public_id = s.public_id
            ORDER BY e.id DESC LOOP
            SELECT CASE WHEN e.state = 0 AND e.expires_at > clock_timestamp() THEN least(e."left", r.amount) END,
                CASE WHEN r.final THEN e."left" - least(e."left", r.amount) ELSE 0 END
            INTO drawn, spare FROM budgets_reservation e WHERE e.id = r.id;
            IF drawn IS NULL THEN
                CONTINUE;
            END IF;
            IF r.final THEN
                UPDATE budgets_reservation p SET "left" = p."left" + spare
                FROM budgets_reservation e WHERE e.id = r.id AND p.id = e.parent_id AND p.state = 0;
                IF FOUND THEN
                    spare := 0;
                END IF;
            END IF;
            freed_counters := freed_counters || (SELECT e.counters FROM budgets_reservation e WHERE e.id = r.id);
            freed_by := freed_by || (SELECT array_fill(e.id, ARRAY[cardinality(e.counters)])
                FROM budgets_reservation e WHERE e.id = r.id);
            freed_amounts := freed_amounts || ARRAY(
                SELECT CASE WHEN b.unit = 'usd' THEN -(drawn + spare) WHEN r.final THEN -coalesce(h.held, 0) ELSE 0 END
                FROM budgets_reservation e, unnest(e.counters, e.held) WITH ORDINALITY AS h(counter, held, place)
                JOIN budgets_counter c ON c.id = h.counter JOIN budgets_budget b ON b.id = c.budget_id
                WHERE e.id = r.id ORDER BY h.place);
            UPDATE budgets_reservation e SET settled = e.settled + r.amount,
                "left" = CASE WHEN r.final THEN 0 ELSE e."left" - drawn END,
                state = CASE WHEN r.final THEN 1 ELSE e.state END,
                ended_at = CASE WHEN r.final THEN clock_timestamp() END
            WHERE e.id = r.id;
        END LOOP;
    END IF;
    INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
    SELECT m.counter, 2, sum(m.spent), sum(m.reserved), sum(m.unpriced), min(m.reservation)
    FROM (
        SELECT unnest(the_counters) AS counter, unnest(the_spent) AS spent, unnest(the_holds) AS reserved,
            unnest(the_unpriced) AS unpriced, NULL::bigint AS reservation
        UNION ALL
        SELECT unnest(freed_counters), 0, unnest(freed_amounts), 0, unnest(freed_by)
    ) AS m GROUP BY m.counter HAVING sum(m.spent) <> 0 OR sum(m.reserved) <> 0 OR sum(m.unpriced) <> 0;
    IF cardinality(later_of) > 0 THEN
        carrying := ARRAY(
            SELECT l.id FROM unnest(later_of, later_from, later_until) AS w(counter, starts, ends)
            JOIN budgets_counter o ON o.id = w.counter
            JOIN budgets_counter l ON l.budget_id = o.budget_id AND l.each_value = o.each_value
                AND l.period_start > w.starts AND l.period_start < w.ends);
    END IF;
    PERFORM 1 FROM budgets_counter c WHERE c.id = ANY(the_counters || freed_counters || carrying)
    ORDER BY c.id FOR NO KEY UPDATE;
    UPDATE budgets_counter c SET spent = c.spent + m.spent, reserved = c.reserved + m.reserved,
        unpriced_calls = c.unpriced_calls + m.unpriced
    FROM (
        SELECT x.counter, sum(x.spent) AS spent, sum(x.reserved) AS reserved, sum(x.unpriced) AS unpriced FROM (
            SELECT unnest(the_counters) AS counter, unnest(the_spent) AS spent, unnest(the_holds) AS reserved,
                unnest(the_unpriced) AS unpriced
            UNION ALL SELECT unnest(freed_counters), 0, unnest(freed_amounts), 0) AS x GROUP BY x.counter
    ) AS m
    WHERE c.id = m.counter AND (m.spent <> 0 OR m.reserved <> 0 OR m.unpriced <> 0);
    IF cardinality(carrying) > 0 THEN
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
    RETURN QUERY SELECT c.id, c.spent, c.reserved, c.carried, c."limit", c.raised, c.ceiling, c.unpriced_calls,
        c.in_force FROM budgets_counter c WHERE c.id = ANY(the_counters || carrying);
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("budgets", "0002_budgets_and_ledger")]

    operations = [
        migrations.RunSQL(VERSION, NO_VERSION),
        migrations.RunSQL(
            RESERVE,
            "DROP FUNCTION budgets_reserve(bigint, text, int, text, bigint, bigint, numeric, int, bigint[], numeric[],"
            " numeric[], bool[])",
        ),
        migrations.RunSQL(MOVE, "DROP FUNCTION budgets_move(bigint[], numeric[], bigint[], int)"),
        migrations.RunSQL(END, "DROP FUNCTION budgets_end(bigint[], int, int)"),
        migrations.RunSQL(
            CHARGE,
            "DROP FUNCTION budgets_charge(bigint, bigint[], numeric[], numeric[], bigint[], bigint[], timestamptz[],"
            " timestamptz[], int[], text[], numeric[], bool[])",
        ),
    ]
