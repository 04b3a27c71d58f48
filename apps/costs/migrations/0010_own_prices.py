"""When own prices hold: never two of one model at once, and every change raises the price book's version."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

FORWARD = """
CREATE TRIGGER price_book_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON costs_ownprice
    FOR EACH STATEMENT EXECUTE FUNCTION costs_raise_price_book_version();
"""
BACKWARD = "DROP TRIGGER price_book_changed ON costs_ownprice"


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0009_statements_refuse_themselves"),
    ]

    operations = [
        migrations.CreateModel(
            name="OwnPrice",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "during",
                    django.contrib.postgres.fields.ranges.DateTimeRangeField(
                        help_text="without a lower end: from the beginning of time"
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
                ("created_by", models.TextField(help_text="who entered it, as the audit log names them")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="own_prices", to="costs.languagemodel"
                    ),
                ),
                (
                    "price",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="own_prices", to="costs.price"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("during__isempty", False)), name="own_price_holds_some_time"
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    models.F("model_id"),
                                    models.F("model_id"),
                                    models.Value("[]"),
                                    function="int4range",
                                    output_field=django.contrib.postgres.fields.ranges.IntegerRangeField(),
                                ),
                                "&&",
                            ),
                            ("during", "&&"),
                        ],
                        name="own_prices_never_overlap",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
