"""Projects that were merged into another: they take its name, and keep what points to them."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER project_merged AFTER UPDATE OF merged_into_id ON access_project
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
CREATE TRIGGER agent_moved AFTER UPDATE OF project_id ON access_agent
    FOR EACH STATEMENT EXECUTE FUNCTION access_raise_places_version();
"""
BACKWARD = """
DROP TRIGGER project_merged ON access_project;
DROP TRIGGER agent_moved ON access_agent;
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0005_merged_agents")]
    operations = [
        migrations.AlterField("project", "name", models.CharField(max_length=128)),
        migrations.AddField(
            "project",
            "merged_into",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="merged", to="access.project"
            ),
        ),
        migrations.AddField(
            "project",
            "sent_as",
            models.CharField(help_text="of a merged row: its name before", max_length=128, null=True),
        ),
        migrations.AddConstraint(
            "project",
            models.UniqueConstraint(
                condition=models.Q(("merged_into", None)), fields=("name",), name="project_name_once"
            ),
        ),
        migrations.AddConstraint(
            "project",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("merged_into", None), ("sent_as", None)),
                    models.Q(("merged_into__isnull", False), ("sent_as__isnull", False)),
                    _connector="OR",
                ),
                name="merged_project_has_its_own_name",
            ),
        ),
        migrations.CreateModel(
            name="ProjectMerge",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="merge",
                        serialize=False,
                        to="access.project",
                    ),
                ),
                ("name", models.CharField(help_text="of the merged project before", max_length=128)),
                ("merged_by", models.TextField()),
                ("merged_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("counted_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "into",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="merges", to="access.project"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at", None)),
                        fields=["merged_at"],
                        name="project_merge_not_settled",
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
