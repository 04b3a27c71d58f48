"""The public price lists: editions that were read, what they would change, and what people decided."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0017_outcomes"),
    ]

    operations = [
        migrations.CreateModel(
            name="ListComparison",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=128)),
                ("name", models.CharField(max_length=256)),
                ("first_price_id", models.IntegerField()),
                ("second_price_id", models.IntegerField()),
                ("unit", models.TextField(help_text="the unit on which they differ most")),
                (
                    "ratio",
                    models.DecimalField(decimal_places=6, help_text="there second by first", max_digits=30, null=True),
                ),
                ("calls", models.BigIntegerField(default=0)),
                ("tokens", models.BigIntegerField(default=0)),
                ("first_usd", models.DecimalField(decimal_places=15, max_digits=30, null=True)),
                ("second_usd", models.DecimalField(decimal_places=15, max_digits=30, null=True)),
                ("compared_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "name", "first_price_id", "second_price_id"), name="list_comparison_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceListCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_by", models.TextField()),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("apply_after", models.BooleanField(default=False, help_text="apply at once what needs no decision")),
                ("taken_until", models.DateTimeField(help_text="a worker has it until then", null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("results", models.JSONField(default=dict, help_text='{"litellm": {"words": "…", "failed": false}}')),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None)),
                        fields=("finished_at",),
                        name="price_list_one_open_check",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceListEdition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                ("sha256", models.CharField(help_text="of the list's own file, uncompressed", max_length=64)),
                ("origin", models.CharField(help_text='"at hand" or "index"', max_length=16)),
                ("taken_on", models.DateField(help_text="the day it was taken from the package index")),
                ("read_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("data", models.BinaryField(help_text="the list's own file, compressed with xz")),
                (
                    "gone",
                    models.JSONField(
                        default=list, help_text="models the book has from this list that it does not name any more"
                    ),
                ),
                (
                    "updates",
                    models.IntegerField(default=0, help_text="models and providers it names or describes otherwise"),
                ),
                ("applied_at", models.DateTimeField(null=True)),
                ("applied_by", models.TextField(blank=True, default="")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("source", "version", "sha256"), name="price_list_edition_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ListChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[("new_model", "New model"), ("new_price", "First price"), ("changed", "Changed")],
                        max_length=16,
                    ),
                ),
                ("provider", models.CharField(max_length=128)),
                ("name", models.CharField(max_length=256)),
                ("fingerprint", models.CharField(help_text="of the new price", max_length=64)),
                (
                    "starts",
                    models.DateTimeField(
                        help_text="the list's own date; NULL: from the moment it is applied", null=True
                    ),
                ),
                ("before", models.JSONField(help_text="rates by unit that hold now; NULL: there are none", null=True)),
                ("after", models.JSONField(help_text="rates by unit that would hold")),
                ("rates", models.JSONField(help_text="the new price whole, as in domain/pricing/plain.py")),
                (
                    "jump_unit",
                    models.TextField(
                        blank=True, default="", help_text="the unit that changes most, if beyond the limit"
                    ),
                ),
                (
                    "jump_ratio",
                    models.DecimalField(
                        decimal_places=6, help_text="new by old; NULL: no number", max_digits=30, null=True
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Ready"),
                            ("quarantined", "Waits for a decision"),
                            ("accepted", "Accepted"),
                            ("rejected", "Rejected"),
                            ("applied", "Applied"),
                            ("undone", "Undone"),
                        ],
                        max_length=16,
                    ),
                ),
                ("decided_by", models.TextField(blank=True, default="")),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "calls",
                    models.BigIntegerField(
                        help_text="calls of the last 30 days it bears on; NULL: not yet counted", null=True
                    ),
                ),
                (
                    "effect_usd",
                    models.DecimalField(
                        decimal_places=15, help_text="what they would cost more", max_digits=30, null=True
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "edition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="costs.pricelistedition"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "applied"), _negated=True),
                        fields=("source", "provider", "name", "fingerprint", "starts"),
                        name="list_change_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]
