"""The ledger's moves in fewer steps, and fewer indexes to keep: a hot budget is locked for less long.

What a reservation holds in a counter of USD is null in `held`, so that nothing has to be looked up to free it.
"""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.budgets.migrations.0003_ledger_functions")
HELD = """
UPDATE budgets_reservation r SET held = ARRAY(
    SELECT CASE WHEN b.unit <> 'usd' THEN h.held END
    FROM unnest(r.counters, r.held) WITH ORDINALITY AS h(counter, held, place)
    JOIN budgets_counter c ON c.id = h.counter JOIN budgets_budget b ON b.id = c.budget_id ORDER BY h.place)
WHERE r.state = 0
"""
HELD_BEFORE = "UPDATE budgets_reservation r SET held = ARRAY(SELECT coalesce(h, 0) FROM unnest(r.held) AS h)"
RESERVE = """
CREATE OR REPLACE FUNCTION budgets_reserve(
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
        RETURNING p.counters, least(p.expires_at, ends),
            ARRAY(SELECT CASE WHEN h IS NOT NULL THEN 0 END FROM unnest(p.held) AS h) INTO the_counters, ends, the_held;
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
CREATE OR REPLACE FUNCTION budgets_end(wanted bigint[], new_state int, entry_kind int)
RETURNS int LANGUAGE plpgsql AS $$
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
                SELECT -coalesce(h.held, r."left") FROM unnest(r.held) WITH ORDINALITY AS h(held, place)
                ORDER BY h.place);
        END IF;
    END LOOP;
    PERFORM budgets_move(moved_counters, moved_amounts, moved_by, entry_kind);
    RETURN ended;
END $$
"""
FREED = "CREATE TYPE budgets_freed AS (counters bigint[], amounts numeric[], reservations bigint[])"
SETTLE = """
CREATE FUNCTION budgets_settle(projects int[], public_ids text[], amounts numeric[], finals bool[])
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
    ceiling numeric, unpriced_calls bigint, in_force text[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    m_counters bigint[] := the_counters;
    m_spent numeric[] := the_spent;
    m_reserved numeric[] := the_holds;
    m_unpriced bigint[] := the_unpriced;
    freed budgets_freed := ROW('{}', '{}', '{}');
    place int;
BEGIN
    IF (SELECT v.version FROM budgets_budgetsversion v) <> expected_version THEN
        RETURN QUERY SELECT -1::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric,
            0::bigint, '{}'::text[];
        RETURN;
    END IF;
    IF cardinality(settled_ids) > 0 THEN
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
    END IF;
    FOR place IN 1 .. coalesce(cardinality(m_counters), 0) LOOP
        RETURN QUERY UPDATE budgets_counter c SET spent = c.spent + m_spent[place],
            reserved = c.reserved + m_reserved[place], unpriced_calls = c.unpriced_calls + m_unpriced[place]
        WHERE c.id = m_counters[place]
        RETURNING c.id, c.spent, c.reserved, c.carried, c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force;
    END LOOP;
END $$
"""


def _again(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("budgets", "0006_fewer_indexes")]

    operations = [
        migrations.RunSQL(HELD, HELD_BEFORE),
        migrations.RunSQL(RESERVE, _again(BEFORE.RESERVE)),
        migrations.RunSQL(END, _again(BEFORE.END)),
        migrations.RunSQL(FREED, "DROP TYPE budgets_freed"),
        migrations.RunSQL(SETTLE, "DROP FUNCTION budgets_settle(int[], text[], numeric[], bool[])"),
        migrations.RunSQL(CHARGE, _again(BEFORE.CHARGE)),
    ]
