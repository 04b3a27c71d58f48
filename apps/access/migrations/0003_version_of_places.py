"""Raises the version of projects and agents when a name leads elsewhere: after a deletion or a merge."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION access_raise_places_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO access_placesversion AS p (id, version) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET version = p.version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER project_gone AFTER DELETE ON access_project
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
CREATE TRIGGER agent_gone AFTER DELETE ON access_agent
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
CREATE TRIGGER former_project_name_changed AFTER UPDATE OR DELETE ON access_formerprojectname
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
CREATE TRIGGER former_agent_name_changed AFTER UPDATE OR DELETE ON access_formeragentname
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
"""
BACKWARD = """
DROP TRIGGER project_gone ON access_project;
DROP TRIGGER agent_gone ON access_agent;
DROP TRIGGER former_project_name_changed ON access_formerprojectname;
DROP TRIGGER former_agent_name_changed ON access_formeragentname;
DROP FUNCTION access_raise_places_version();
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0002_audit_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
