"""Flat fees: subscriptions that cover the calls of a provider."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0014_adjustments"),
    ]

    operations = [
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=128)),
                ("fee_usd", models.DecimalField(decimal_places=15, max_digits=30)),
                ("every", models.CharField(choices=[("month", "Month"), ("year", "Year")], max_length=5)),
                ("first_day", models.DateField()),
                ("last_day", models.DateField(help_text="included; NULL: no end", null=True)),
                ("zone", models.TextField(help_text="where its days begin and end")),
                (
                    "model_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        default=list,
                        help_text="models it covers; empty: all of the provider",
                        size=None,
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
                ("created_by", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="subscriptions", to="costs.provider"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("fee_usd__gte", 0)), name="subscription_fee_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("last_day", None), ("last_day__gte", models.F("first_day")), _connector="OR"
                        ),
                        name="subscription_ends_after_it_begins",
                    ),
                ],
            },
        ),
    ]
