"""Asks whose tier a person said in the playground."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0010_savings_adjusted")]

    operations = [
        migrations.CreateModel(
            name="LabelledExample",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("made_by", models.TextField()),
                ("tier_wanted", models.TextField()),
                ("tier_given", models.TextField(help_text="that of the score")),
                ("score", models.DecimalField(decimal_places=6, max_digits=7)),
                ("task_type", models.TextField(blank=True, default="")),
                ("role", models.TextField(blank=True, default="")),
                ("policy_version", models.IntegerField(help_text="0: a draft")),
                ("factors", models.JSONField(help_text="the value of each, without what was seen")),
                ("features_version", models.SmallIntegerField()),
                ("features", models.BinaryField(help_text="as in domain/hashed_features.py")),
                ("message", models.TextField(null=True)),
            ],
        ),
    ]
