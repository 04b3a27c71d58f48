"""Records minus rollups, row by row: SQL of which every row is one rollup row and what it lacks, column by column.

Records count in, rollup rows count out; what is left over is the difference. The services add exactly these rows.
Histograms are left over bin by bin; a bin that the rollup has too much of comes out as -(bin * 2^40 + count).
"""

from apps.costs.domain.kinds import LabelKind, NarrowKind
from apps.costs.domain.latency import COUNT_BITS, COUNT_MASK
from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS
from apps.costs.selectors import recount
from apps.costs.selectors.summing import total

CUBE_KEYS = ("cell_id", "bucket")
NARROW_KEYS = ("kind", "value_id", "bucket", "project_id", "model_id")
CONVERSATION_KEYS = ("project_id", "conversation_id")
# Since when both sides are complete, as the statement itself sees it: what retention drops is never a difference.
PROVABLE_FROM = "coalesce((SELECT greatest(records_from, rollups_from) FROM costs_booksstate), '-infinity')"


def _within(column: str) -> str:
    return f"{column} >= %(start)s AND {column} < %(end)s AND {column} >= {PROVABLE_FROM}"


_SPAN = _within("r.occurred_at")


def cube() -> str:
    """Of [start, end): cell_id, bucket, received_at, the sums, the two histograms."""
    keys = ", ".join(CUBE_KEYS)
    sums = f"""
        SELECT {keys}, max(received_at) AS received_at, {_totals(SUMS)} FROM (
            SELECT r.cell_id, {_bucket("r.occurred_at")} AS bucket, r.received_at, {_counted(SUMS)}
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id WHERE {_SPAN}
            UNION ALL
            SELECT q.cell_id, {_bucket("q.bucket")}, NULL, {_negative("q", SUMS)}
            FROM costs_usagequarter q WHERE {_within("q.bucket")}
        ) b GROUP BY {keys} HAVING {_left_over(SUMS)}"""
    bins = " UNION ALL ".join(_bins(column) for column in HISTOGRAMS)
    return f"""
        SELECT {keys}, sums.received_at, {", ".join(f"coalesce(sums.{name}, 0) AS {name}" for name in SUMS)},
            {", ".join(f"coalesce(bins.{name}, '{{}}') AS {name}" for name in HISTOGRAMS)}
        FROM ({sums}) sums FULL JOIN (
            SELECT {keys}, {", ".join(_packed(name) for name in HISTOGRAMS)} FROM (
                SELECT {keys}, histogram, bin, bursar_total(n) AS n
                FROM ({bins}) b GROUP BY {keys}, histogram, bin HAVING bursar_total(n) <> 0
            ) counted GROUP BY {keys}
        ) bins USING ({keys})"""  # noqa: S608


def narrow() -> str:
    """Of [start, end): kind, value_id, bucket, project_id, model_id, the narrow sums."""
    keys = ", ".join(NARROW_KEYS)
    names = ", ".join(NARROW_SUMS)
    return f"""
        WITH r AS MATERIALIZED (
            SELECT {_bucket("r.occurred_at")} AS bucket, r.project_id, c.model_id, r.user_id, r.key_id, r.tool_id,
                r.tags, {_counted(NARROW_SUMS)}
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id WHERE {_SPAN}
        )
        SELECT {keys}, {_totals(NARROW_SUMS)} FROM (
            SELECT v.kind, v.value_id, r.bucket, r.project_id, r.model_id, {names}
            FROM r CROSS JOIN LATERAL (VALUES ({int(NarrowKind.USER)}, nullif(r.user_id, 0)::bigint),
                ({int(NarrowKind.KEY)}, r.key_id), ({int(NarrowKind.TOOL)}, nullif(r.tool_id, 0))) AS v(kind, value_id)
            WHERE v.value_id IS NOT NULL
            UNION ALL
            SELECT {int(NarrowKind.TAG)}, l.id, r.bucket, r.project_id, r.model_id, {names}
            FROM r CROSS JOIN LATERAL jsonb_each_text(r.tags) AS tag(name, value)
            JOIN costs_label l ON l.kind = {int(LabelKind.TAG)} AND l.name = tag.name || '=' || tag.value
            UNION ALL
            SELECT n.kind, n.value_id, {_bucket("n.bucket")}, n.project_id, n.model_id, {_negative("n", NARROW_SUMS)}
            FROM costs_usagequarterby n WHERE {_within("n.bucket")}
        ) b GROUP BY {keys} HAVING {_left_over(NARROW_SUMS)}"""  # noqa: S608


def conversations() -> str:
    """Of the conversations (projects[i], ids[i]): their key, span and newest agent by the records, the narrow sums.

    Conversations that began before everything is complete are left out.
    """
    keys = ", ".join(CONVERSATION_KEYS)
    pairs = {name: (f"coalesce(r.{name}, 0)", f"coalesce(c.{name}, 0)") for name in NARROW_SUMS}
    return f"""
        WITH wanted AS (SELECT * FROM unnest(%(projects)s::int[], %(ids)s::text[]) AS w({keys}))
        SELECT {keys}, r.first_at, r.last_at, r.agent_id,
            {", ".join(f"{right} - {stored} AS {name}" for name, (right, stored) in pairs.items())}
        FROM wanted LEFT JOIN costs_conversationtotal c USING ({keys}) LEFT JOIN (
            SELECT {keys}, min(occurred_at) AS first_at, max(occurred_at) AS last_at, {_totals(NARROW_SUMS)},
                (array_agg(agent_id ORDER BY occurred_at DESC, received_at DESC))[1] AS agent_id
            FROM (
                SELECT r.project_id, r.conversation_id, r.occurred_at, r.received_at, c.agent_id,
                    {_counted(NARROW_SUMS)}
                FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
                WHERE r.conversation_id = ANY(%(ids)s)
            ) b GROUP BY {keys}
        ) r USING ({keys})
        WHERE coalesce(c.first_at, r.first_at) >= {PROVABLE_FROM}
            AND ((r.first_at, r.last_at) IS DISTINCT FROM (c.first_at, c.last_at)
                OR {" OR ".join(f"{right} <> {stored}" for right, stored in pairs.values())})"""  # noqa: S608


def _bucket(moment: str) -> str:
    return f"date_bin(%(step)s, {moment}, timestamptz 'epoch')"


def _counted(names: tuple[str, ...]) -> str:
    return ", ".join(
        f"({recount.MEASURES[name]}){'' if name.endswith('_usd') else '::bigint'} AS {name}" for name in names
    )


def _negative(alias: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"-{alias}.{name}" for name in names)


def _totals(names: tuple[str, ...]) -> str:
    return ", ".join(f"{total(name, name)} AS {name}" for name in names)


def _left_over(names: tuple[str, ...]) -> str:
    return " OR ".join(f"{total(name, name)} <> 0" for name in names)


def _bins(column: str) -> str:
    return f"""
        SELECT r.cell_id, {_bucket("r.occurred_at")} AS bucket, '{column}' AS histogram, r.bin, 1::bigint AS n
        FROM (SELECT r.cell_id, r.occurred_at, {recount.BINS[column]} AS bin FROM costs_usagerecord r WHERE {_SPAN}) r
        WHERE r.bin IS NOT NULL
        UNION ALL
        SELECT q.cell_id, {_bucket("q.bucket")}, '{column}', entry >> {COUNT_BITS}, -(entry & {COUNT_MASK})
        FROM costs_usagequarter q CROSS JOIN unnest(q.{column}) AS entry
        WHERE {_within("q.bucket")}"""


def _packed(column: str) -> str:
    return (
        f"array_agg(sign(n)::bigint * ((bin << {COUNT_BITS}) + abs(n)) ORDER BY bin)"
        f" FILTER (WHERE histogram = '{column}') AS {column}"
    )
