"""The database itself refuses to change, delete or empty the audit log.

TRUNCATE is let through only where the operator marked the database for tests with
`ALTER DATABASE … SET bursar.test_database = 'on'`: the catalogue is asked, so a session cannot mark itself.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION access_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND EXISTS (
        SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE d.datname = current_database() AND s.setrole = 0 AND 'bursar.test_database=on' = ANY (s.setconfig)
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON access_auditentry
    FOR EACH ROW EXECUTE FUNCTION access_refuse_audit_change();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON access_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION access_refuse_audit_change();
"""
BACKWARD = """
DROP TRIGGER audit_table_stays ON access_auditentry;
DROP TRIGGER audit_rows_stay ON access_auditentry;
DROP FUNCTION access_refuse_audit_change();
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
