"""Usage records and the time-bucketed rollups become partitioned tables, so that retention is a cheap drop."""

from django.db import migrations

SUFFIX = "_unpartitioned"


def partitioned(table: str, column: str, *after: str, like: str = "INCLUDING ALL") -> str:
    """SQL that replaces an empty plain table by one with the same columns, partitioned by range of a column."""
    return ";\n".join(
        [
            f"ALTER TABLE {table} RENAME TO {table}{SUFFIX}",
            f"CREATE TABLE {table} (LIKE {table}{SUFFIX} {like}) PARTITION BY RANGE ({column})",
            f"DROP TABLE {table}{SUFFIX}",
            *after,
        ]
    )


MERGED_BINS = """
    CREATE FUNCTION bursar_compacted_bins(bins bigint[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT array_agg((bin << 40) + n ORDER BY bin)
        FROM (SELECT entry >> 40 AS bin, sum(entry & 1099511627775)::bigint AS n
              FROM unnest(bins) AS entry GROUP BY 1) AS counted
    $$;
    -- Merging is appending; now and then, when the array passes a multiple of 128, equal bins are added up.
    CREATE FUNCTION bursar_merged_bins(a bigint[], b bigint[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE WHEN cardinality(b) = 0 THEN a
                    WHEN (cardinality(a) + cardinality(b)) / 128 = cardinality(a) / 128 THEN a || b
                    ELSE bursar_compacted_bins(a || b) END
    $$;
"""


class Migration(migrations.Migration):
    dependencies = [("costs", "0001_usage")]

    operations = [
        migrations.RunSQL(
            MERGED_BINS,
            "DROP FUNCTION bursar_merged_bins(bigint[], bigint[]); DROP FUNCTION bursar_compacted_bins(bigint[])",
        ),
        migrations.RunSQL(
            partitioned(
                "costs_usagerecord",
                "occurred_at",
                # Uniqueness lives in costs_usagekey; here only what pages read by.
                "CREATE INDEX usage_by_project_time ON costs_usagerecord (project_id, occurred_at)",
                "CREATE INDEX usage_by_conversation ON costs_usagerecord (conversation_id, occurred_at)"
                " WHERE conversation_id IS NOT NULL",
                "CREATE INDEX usage_by_time ON costs_usagerecord USING brin (occurred_at)"
                " WITH (pages_per_range = 16, autosummarize = on)",
                like="INCLUDING DEFAULTS",
            ),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            partitioned(
                "costs_usagequarter", "bucket", "CREATE INDEX usagequarter_by_bucket ON costs_usagequarter (bucket)"
            ),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(partitioned("costs_usagequarterby", "bucket"), migrations.RunSQL.noop),
        migrations.RunSQL(
            partitioned("costs_usageday", "bucket", "CREATE INDEX usageday_by_bucket ON costs_usageday (bucket)"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "ALTER TABLE costs_conversationtotal SET (fillfactor = 70);"
            "CREATE INDEX dayslice_by_bucket ON costs_dayslice (slice, bucket) INCLUDE (project_id)",
            migrations.RunSQL.noop,
        ),
    ]
