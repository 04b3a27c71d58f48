"""The database itself refuses to change or delete a policy once it has a version number."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION routing_refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.version IS NOT NULL THEN
        RAISE EXCEPTION 'A published policy never changes: % is refused', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER published_policies_stay BEFORE UPDATE OR DELETE ON routing_policyversion
    FOR EACH ROW EXECUTE FUNCTION routing_refuse_policy_change();
"""
BACKWARD = """
DROP TRIGGER published_policies_stay ON routing_policyversion;
DROP FUNCTION routing_refuse_policy_change();
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_policies")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
