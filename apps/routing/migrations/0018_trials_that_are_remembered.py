"""The first trial call that went well at a model whose breaker is half open."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0017_replays_of_a_part_and_with_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="modelhealth",
            name="trial_ok_at",
            field=models.DateTimeField(help_text="when half open: the first trial call that went well", null=True),
        ),
    ]
