"""The statements that move the ledger: to hold an amount, and to charge what was spent. The rest is functions.

A call mostly has one budget and no parent. It is held by one statement and settled by one, which do what the functions
`budgets_reserve` and `budgets_charge` do for any number: those take twice the processor's time, since a function begins
a statement for each of its steps. Reservations are locked before counters here as well, and the counter's row last.

A counter that many want is not locked until the disk has the commit: who finds that somebody waited for it lately
(`waited_at`) commits at once, and whoever called waits for the log before anything is answered (`waits`). Otherwise the
commit waits itself, as commits do, which saves a trip. What others read of a row meanwhile is answered after their own
wait, which is for this one's log too; so nothing that was answered can be lost.
"""

_WAITED = "clock_timestamp() - statement_timestamp() > interval '1 ms'"
"""True in a statement that had to wait for the counter: alone it is there in a twentieth of that, and one that only
lost the processor for a moment is not taken for it."""
_WAITS = """CASE WHEN waited_at > clock_timestamp() - interval '3 ms'
    THEN set_config('synchronous_commit', 'off', true) = 'off' ELSE false END AS waits"""
"""A counter counts as wanted by many for three milliseconds, in which it is changed a dozen times if that is true."""

RESERVE_PLACES = """
    %(version)s::bigint, %(public_id)s::text, %(project)s::int, %(fingerprint)s::text, %(key)s::bigint,
    %(parent)s::bigint, %(amount)s::numeric, %(seconds)s::int, %(counters)s::bigint[], %(in_units)s::numeric[],
    %(held)s::numeric[], %(checked)s::bool[]
"""
RESERVE = f"SELECT *, true AS waits FROM budgets_reserve({RESERVE_PLACES})"
"""One row: outcome, reservation, expires, waits. In any number of budgets, or drawn from a parent."""

RESERVE_IN_ONE = f"""
    WITH taken AS (
        UPDATE budgets_counter c SET reserved = c.reserved + %(in_unit)s::numeric,
            waited_at = CASE WHEN {_WAITED} THEN clock_timestamp() ELSE c.waited_at END
        FROM budgets_budgetsversion v
        WHERE v.id = 1 AND v.version = %(version)s::bigint AND c.id = %(counter)s::bigint
            AND (NOT %(checked)s::bool OR c.ceiling IS NULL
                OR c.carried + c.spent + c.reserved + %(in_unit)s::numeric <= c.ceiling)
        RETURNING c.waited_at
    ), held AS (
        INSERT INTO budgets_reservation AS r (public_id, project_id, fingerprint, key_id, counters, held, amount,
            "left", settled, state, expires_at)
        SELECT %(public_id)s::text, %(project)s::int, %(fingerprint)s::text, %(key)s::bigint,
            ARRAY[%(counter)s::bigint], ARRAY[%(held)s::numeric], %(amount)s::numeric, %(amount)s::numeric, 0, 0,
            clock_timestamp() + make_interval(secs => %(seconds)s::int)
        FROM taken
        RETURNING 'reserved' AS outcome, r.id AS reservation, r.expires_at AS expires
    ), entry AS (
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
        SELECT %(counter)s::bigint, 1, 0, %(in_unit)s::numeric, 0, held.reservation FROM held
    )
    SELECT held.*, {_WAITS} FROM held, taken
"""
"""The same in one budget: without a row, and nothing was done, if it does not fit or budgets have changed, which
`budgets_reserve` then says."""

CHARGE = """
    SELECT *, true AS waits FROM budgets_charge(%(version)s::bigint, %(counters)s::bigint[], %(spent)s::numeric[],
        %(holds)s::numeric[], %(unpriced)s::bigint[], %(later_of)s::bigint[], %(later_from)s::timestamptz[],
        %(later_until)s::timestamptz[], %(projects)s::int[], %(public_ids)s::text[], %(costs)s::numeric[],
        %(final)s::bool[])
"""
"""A row for each counter: how it stands, and waits. Its id is STALE, and nothing was done, if budgets have changed."""
STALE = -1

CHARGE_IN_ONE = f"""
    WITH settled AS (
        UPDATE budgets_reservation e SET settled = e.settled + %(cost)s::numeric,
            freed = CASE WHEN %(final)s::bool THEN e."left" ELSE least(e."left", %(cost)s::numeric) END,
            "left" = CASE WHEN %(final)s::bool THEN 0 ELSE e."left" - least(e."left", %(cost)s::numeric) END,
            state = CASE WHEN %(final)s::bool THEN 1 ELSE 0 END,
            ended_at = CASE WHEN %(final)s::bool THEN clock_timestamp() END
        FROM budgets_budgetsversion v
        WHERE v.id = 1 AND v.version = %(version)s::bigint
            AND e.project_id = %(project)s::int AND e.public_id = %(public_id)s::text AND e.parent_id IS NULL
            AND e.state = 0 AND e.expires_at > clock_timestamp() AND e.counters = ARRAY[%(counter)s::bigint]
        RETURNING e.id, CASE WHEN e.held[1] IS NULL THEN e.freed WHEN %(final)s::bool THEN e.held[1] ELSE 0 END AS freed
    ), entry AS (
        INSERT INTO budgets_entry (counter_id, kind, spent, reserved, unpriced_calls, reservation_id)
        SELECT %(counter)s::bigint, 2, %(spent)s::numeric, -s.freed, %(unpriced)s::bigint, s.id FROM settled s
        WHERE %(spent)s::numeric <> 0 OR s.freed <> 0 OR %(unpriced)s::bigint <> 0
    ), moved AS (
        UPDATE budgets_counter c SET spent = c.spent + %(spent)s::numeric, reserved = c.reserved - s.freed,
            unpriced_calls = c.unpriced_calls + %(unpriced)s::bigint,
            waited_at = CASE WHEN {_WAITED} THEN clock_timestamp() ELSE c.waited_at END
        FROM settled s WHERE c.id = %(counter)s::bigint
        RETURNING c.id, c.spent, c.reserved, c.carried, c."limit", c.raised, c.ceiling, c.unpriced_calls, c.in_force,
            c.waited_at
    )
    SELECT id, spent, reserved, carried, "limit", raised, ceiling, unpriced_calls, in_force, {_WAITS} FROM moved
"""
"""The same for one counter and the one reservation, without a parent, that held for it alone: without a row, and
nothing was done, if anything else is true of them, which `budgets_charge` then says."""
