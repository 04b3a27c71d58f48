"""What folding and proving need of the database: cheap sums, corrected histograms, narrow rollups by time."""

from django.db import migrations

TOTAL = """
    -- A sum of integers kept in the row itself: sum(bigint) allocates for every group, which is most of a fold's time.
    CREATE AGGREGATE bursar_total(bigint) (
        sfunc = int8pl, stype = bigint, initcond = '0', combinefunc = int8pl, parallel = safe
    );
"""
ADJUSTED_BINS = """
    -- A histogram plus a correction. In the correction -(bin * 2^40 + n) takes n out of a bin.
    CREATE FUNCTION bursar_adjusted_bins(bins bigint[], correction bigint[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE WHEN cardinality(correction) = 0 THEN bins ELSE (
            SELECT coalesce(array_agg((bin << 40) + n ORDER BY bin), '{}')
            FROM (
                SELECT abs(entry) >> 40 AS bin, sum(sign(entry) * (abs(entry) & 1099511627775))::bigint AS n
                FROM unnest(bins || correction) AS entry GROUP BY 1
            ) AS counted WHERE n <> 0
        ) END
    $$;
"""


class Migration(migrations.Migration):
    dependencies = [("costs", "0007_bookkeeping")]

    operations = [
        migrations.RunSQL(TOTAL, "DROP AGGREGATE bursar_total(bigint)"),
        migrations.RunSQL(ADJUSTED_BINS, "DROP FUNCTION bursar_adjusted_bins(bigint[], bigint[])"),
        migrations.RunSQL(
            "CREATE INDEX usagequarterby_by_bucket ON costs_usagequarterby"
            " USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on)",
            "DROP INDEX usagequarterby_by_bucket",
        ),
    ]
