"""Discounts and margins, and the prices that follow from them."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# GiST has no operators for text without the extension btree_gist; ranges of text it knows.
FORWARD = """
CREATE TYPE costs_textrange AS RANGE (subtype = text, collation = "C");
ALTER TABLE costs_priceadjustment ADD CONSTRAINT adjustments_of_a_provider_never_overlap
    EXCLUDE USING gist (costs_textrange(provider_id, provider_id, '[]') WITH &&, during WITH &&)
    WHERE (provider_id IS NOT NULL);
CREATE TRIGGER price_book_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON costs_derivedprice
    FOR EACH STATEMENT EXECUTE FUNCTION costs_raise_price_book_version();
"""
BACKWARD = """
DROP TRIGGER price_book_changed ON costs_derivedprice;
ALTER TABLE costs_priceadjustment DROP CONSTRAINT adjustments_of_a_provider_never_overlap;
DROP TYPE costs_textrange;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0013_price_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="price",
            name="derived_from",
            field=models.ForeignKey(
                help_text="the list price this is a discount or margin of",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="derived",
                to="costs.price",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="factor",
            field=models.DecimalField(
                decimal_places=6, help_text="times the price it comes from", max_digits=9, null=True
            ),
        ),
        migrations.CreateModel(
            name="DerivedPrice",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("layer", models.IntegerField(help_text="a Layer")),
                ("during", django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="derived_prices",
                        to="costs.languagemodel",
                    ),
                ),
                (
                    "price",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="derived_prices", to="costs.price"
                    ),
                ),
            ],
            options={
                "constraints": [
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
                            (
                                models.Func(
                                    models.F("layer"),
                                    models.F("layer"),
                                    models.Value("[]"),
                                    function="int4range",
                                    output_field=django.contrib.postgres.fields.ranges.IntegerRangeField(),
                                ),
                                "&&",
                            ),
                            ("during", "&&"),
                        ],
                        name="derived_prices_never_overlap",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceAdjustment",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "percent",
                    models.DecimalField(decimal_places=4, help_text="-15 is a discount, 20 a margin", max_digits=8),
                ),
                (
                    "during",
                    django.contrib.postgres.fields.ranges.DateTimeRangeField(
                        help_text="without a lower end: from the beginning of time"
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
                ("created_by", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "model",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="costs.languagemodel",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="costs.provider",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("provider", None), ("model", None), _connector="XOR"),
                        name="adjustment_has_one_scope",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("percent__gte", -100), ("percent__lte", 1000)),
                        name="adjustment_within_bounds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("during__isempty", False)), name="adjustment_holds_some_time"
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("model__isnull", False)),
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
                        name="adjustments_of_a_model_never_overlap",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
