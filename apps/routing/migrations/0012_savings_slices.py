from django.db import migrations, models

AMOUNTS = ("paid_usd", "repriced_usd", "elsewhere_usd", "cache_usd", "waste_usd", "overhead_usd")


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0011_labelled_examples"),
    ]

    operations = [
        # Days derived before have no such slices: the sweep derives them again.
        migrations.RunSQL("DELETE FROM routing_savingsday", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="SavingsSlice",
            fields=[
                ("calls", models.BigIntegerField()),
                ("compared_calls", models.BigIntegerField()),
                *((name, models.DecimalField(decimal_places=15, default="0", max_digits=38)) for name in AMOUNTS),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dimension",
                        "bucket",
                        "project_id",
                        "value_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("dimension", models.SmallIntegerField()),
                ("bucket", models.DateTimeField()),
                ("project_id", models.IntegerField()),
                ("value_id", models.IntegerField()),
            ],
            options={"abstract": False},
        ),
        migrations.DeleteModel(name="SavingsTotal"),
    ]
