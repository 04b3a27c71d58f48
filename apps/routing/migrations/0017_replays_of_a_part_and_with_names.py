"""Replays of one agent's or task type's calls, and names under which scenarios are kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0016_hold_and_keep_in_one_trip")]

    operations = [
        migrations.AddField(
            model_name="replayrun",
            name="name",
            field=models.CharField(
                blank=True, default="", help_text="of the scenario, where it is kept", max_length=80
            ),
        ),
        migrations.AddField(
            model_name="replayrun",
            name="only",
            field=models.JSONField(blank=True, default=dict, help_text="whose calls count, as in domain/scenarios.py"),
        ),
    ]
