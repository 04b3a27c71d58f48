"""The database itself refuses to change or delete a price, and raises the price book's version with every change.

TRUNCATE of prices is let through only where the operator marked the database for tests with
`ALTER DATABASE … SET bursar.test_database = 'on'`. Versions come from a sequence, so that one never comes back: not
after a rollback, and not when everything is emptied and filled again.
"""

from django.db import migrations

CHANGES = {
    "costs_provider": "INSERT OR UPDATE OR DELETE OR TRUNCATE",
    "costs_languagemodel": "INSERT OR UPDATE OR DELETE OR TRUNCATE",
    "costs_price": "INSERT OR TRUNCATE",
}
FORWARD = """
CREATE FUNCTION costs_refuse_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND EXISTS (
        SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE d.datname = current_database() AND s.setrole = 0 AND 'bursar.test_database=on' = ANY (s.setconfig)
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'Prices are appended, never changed: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER price_rows_stay BEFORE UPDATE OR DELETE ON costs_price
    FOR EACH ROW EXECUTE FUNCTION costs_refuse_price_change();
CREATE TRIGGER price_table_stays BEFORE TRUNCATE ON costs_price
    FOR EACH STATEMENT EXECUTE FUNCTION costs_refuse_price_change();

CREATE SEQUENCE costs_price_book_version;
CREATE FUNCTION costs_raise_price_book_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO costs_pricebookstate AS s (id, version) VALUES (1, nextval('costs_price_book_version'))
    ON CONFLICT (id) DO UPDATE SET version = nextval('costs_price_book_version'), changed_at = now();
    RETURN NULL;
END $$;
INSERT INTO costs_pricebookstate (id, version) VALUES (1, nextval('costs_price_book_version'));
""" + "".join(
    f"CREATE TRIGGER price_book_changed AFTER {events} ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION costs_raise_price_book_version();\n"
    for table, events in CHANGES.items()
)
BACKWARD = (
    "".join(f"DROP TRIGGER price_book_changed ON {table};\n" for table in CHANGES)
    + """
DROP FUNCTION costs_raise_price_book_version();
DROP SEQUENCE costs_price_book_version;
DROP TRIGGER price_table_stays ON costs_price;
DROP TRIGGER price_rows_stay ON costs_price;
DROP FUNCTION costs_refuse_price_change();
"""
)


class Migration(migrations.Migration):
    dependencies = [("costs", "0003_price_book")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
