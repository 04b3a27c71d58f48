"""What providers billed."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0018_price_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvoiceLine",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("provider", models.CharField(help_text="the canonical id", max_length=128)),
                (
                    "model",
                    models.CharField(
                        blank=True, default="", help_text="as in usage; empty: all models", max_length=128
                    ),
                ),
                ("first_day", models.DateField()),
                ("last_day", models.DateField(help_text="included")),
                ("zone", models.CharField(default="UTC", help_text="the zone of the provider's bill", max_length=64)),
                ("amount_usd", models.DecimalField(decimal_places=15, max_digits=30)),
                ("note", models.TextField(blank=True, default="", help_text="where the amount comes from")),
                ("version", models.IntegerField(default=1)),
                ("created_by", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["provider", "first_day"], name="invoice_line_of_provider")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_usd__gte", 0)), name="invoice_amount_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_day__gte", models.F("first_day"))),
                        name="invoice_ends_after_it_begins",
                    ),
                ],
            },
        ),
    ]
