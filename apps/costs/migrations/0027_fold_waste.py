"""Folded days and hours get sums of waste: the sweep `fold-waste` makes them of the records, a day a transaction."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0026_conversations_change_in_place"),
    ]

    operations = [
        migrations.CreateModel(
            name="WasteSlice",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "slice",
                        "bucket",
                        "project_id",
                        "a_id",
                        "b_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("slice", models.SmallIntegerField()),
                ("bucket", models.DateTimeField()),
                ("project_id", models.IntegerField()),
                ("a_id", models.IntegerField()),
                ("b_id", models.IntegerField()),
                ("observed_calls", models.BigIntegerField(default=0)),
                ("failed_calls", models.BigIntegerField(default=0)),
                ("failed_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("retries", models.BigIntegerField(default=0)),
                ("failovers", models.BigIntegerField(default=0)),
                ("failover_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("missed_calls", models.BigIntegerField(default=0)),
                ("missed_tokens", models.BigIntegerField(default=0)),
                ("missed_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("calls", models.BigIntegerField(default=0)),
                ("tool_executions", models.BigIntegerField(default=0)),
                ("cost_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
            ],
        ),
        migrations.AddField(
            model_name="dayfold",
            name="waste_proven_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="dayfold",
            name="waste_rules",
            field=models.TextField(
                help_text="by which settings its WasteSlice rows hold; null: they do not", null=True
            ),
        ),
        migrations.AddField(
            model_name="dayfold",
            name="waste_version",
            field=models.BigIntegerField(help_text="the price book their failovers were priced by", null=True),
        ),
    ]
