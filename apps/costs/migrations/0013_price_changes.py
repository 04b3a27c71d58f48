"""What people did to prices, so that each act can be undone."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0012_rerating"),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceChange",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.TextField()),
                ("act", models.CharField(help_text="the action, as in the audit log", max_length=32)),
                ("words", models.TextField(help_text="what was done, for a person")),
                ("before", models.JSONField(help_text="what it touched, as it stood before")),
                ("after", models.JSONField()),
                (
                    "model_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        default=list,
                        help_text="the models whose own prices it touched",
                        size=None,
                    ),
                ),
                (
                    "undoes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="costs.pricechange",
                    ),
                ),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["model_ids"], name="price_change_of_model")
                ],
            },
        ),
    ]
