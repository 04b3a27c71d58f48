"""Agents that were merged into another: they take its name, and keep what points to them."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER agent_merged AFTER UPDATE OF merged_into_id ON access_agent
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
CREATE TRIGGER former_project_name_made AFTER INSERT ON access_formerprojectname
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
CREATE TRIGGER former_agent_name_made AFTER INSERT ON access_formeragentname
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
"""
BACKWARD = """
DROP TRIGGER agent_merged ON access_agent;
DROP TRIGGER former_project_name_made ON access_formerprojectname;
DROP TRIGGER former_agent_name_made ON access_formeragentname;
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0004_password_resets")]
    operations = [
        migrations.RemoveConstraint("agent", "agent_name_once_per_project"),
        migrations.AddField(
            "agent",
            "merged_into",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="merged", to="access.agent"
            ),
        ),
        migrations.AddConstraint(
            "agent",
            models.UniqueConstraint(
                condition=models.Q(("merged_into", None)),
                fields=("project", "name"),
                name="agent_name_once_per_project",
            ),
        ),
        migrations.CreateModel(
            name="AgentMerge",
            fields=[
                (
                    "agent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="merge",
                        serialize=False,
                        to="access.agent",
                    ),
                ),
                ("name", models.CharField(help_text="of the merged agent before", max_length=128)),
                ("merged_by", models.TextField()),
                ("merged_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("counted_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "into",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="merges", to="access.agent"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at", None)), fields=["merged_at"], name="merge_not_settled"
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
