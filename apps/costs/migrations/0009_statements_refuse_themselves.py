"""One function that lets a statement refuse itself, so that ingest needs no second trip to look and roll back."""

from django.db import migrations

EXPECT = """
    CREATE FUNCTION bursar_expect(claimed bigint, wanted bigint, version bigint, wanted_version bigint)
    RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        IF claimed <> wanted OR version <> wanted_version THEN
            RAISE EXCEPTION 'changed in between' USING ERRCODE = 'BU001';
        END IF;
        RETURN true;
    END $$
"""


class Migration(migrations.Migration):
    dependencies = [("costs", "0008_bookkeeping_functions")]

    operations = [migrations.RunSQL(EXPECT, "DROP FUNCTION bursar_expect(bigint, bigint, bigint, bigint)")]
