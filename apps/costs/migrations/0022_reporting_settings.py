"""Zone, week and currency of the pages, and dated rates of other currencies."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0021_fold_days_with_narrow_slices"),
    ]

    operations = [
        migrations.CreateModel(
            name="CurrencyRate",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("currency", models.CharField(max_length=3)),
                ("first_day", models.DateField(help_text="in the reporting zone; until the next rate of the currency")),
                ("per_dollar", models.DecimalField(decimal_places=10, max_digits=20)),
                ("note", models.TextField(blank=True, default="", help_text="where the rate comes from")),
                ("created_by", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("currency", "first_day"),
                        name="one_rate_a_day",
                    ),
                    models.CheckConstraint(condition=models.Q(("per_dollar__gt", 0)), name="rates_are_positive"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReportingSettings",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("zone", models.CharField(max_length=64)),
                ("week_start", models.SmallIntegerField(help_text="the first day of the week, Monday is 0")),
                ("currency", models.CharField(help_text="shown beside US dollars; USD: nothing is", max_length=3)),
                ("version", models.IntegerField(default=1)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="reporting_settings_is_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("week_start__range", (0, 6))), name="week_starts_on_a_day"
                    ),
                ],
            },
        ),
    ]
