"""Runs that price records again: what each changed, what it was before, and the steps that were committed."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0011_unpriced_queue"),
    ]

    operations = [
        migrations.CreateModel(
            name="RerateRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Being previewed"),
                            ("previewed", "Waits for approval"),
                            ("approved", "Approved"),
                            ("applying", "Being applied"),
                            ("applied", "Applied"),
                            ("stopped", "Stopped"),
                            ("reversing", "Being reversed"),
                            ("reversed", "Reversed"),
                            ("abandoned", "Abandoned"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "project_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        help_text="NULL: every project but those of demo data",
                        null=True,
                        size=None,
                    ),
                ),
                ("provider", models.TextField(blank=True, default="")),
                (
                    "models_named",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                ("name_sent", models.TextField(blank=True, default="")),
                ("only_unpriced", models.BooleanField(default=False)),
                (
                    "model_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        help_text="the used models the names mean; NULL: all",
                        null=True,
                        size=None,
                    ),
                ),
                ("start", models.DateTimeField(help_text="included; NULL: from the beginning", null=True)),
                ("end", models.DateTimeField(help_text="not included; NULL: to the end", null=True)),
                (
                    "include_reported",
                    models.BooleanField(default=False, help_text="costs that providers reported are replaced too"),
                ),
                ("asked_by", models.TextField()),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("previewed_at", models.DateTimeField(null=True)),
                ("approved_by", models.TextField(blank=True, default="")),
                ("approved_at", models.DateTimeField(null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                ("reversed_by", models.TextField(blank=True, default="")),
                ("reversed_at", models.DateTimeField(null=True)),
                ("why", models.TextField(blank=True, default="", help_text="why it stopped, for a person")),
                (
                    "price_book_version",
                    models.BigIntegerField(help_text="the book its preview was priced with", null=True),
                ),
                ("seen", models.BigIntegerField(default=0, help_text="records looked at")),
                ("changed", models.BigIntegerField(default=0)),
                ("unchanged", models.BigIntegerField(default=0, help_text="those without a price included")),
                ("still_unpriced", models.BigIntegerField(default=0)),
                ("reported", models.BigIntegerField(default=0, help_text="left as their provider reported them")),
                (
                    "dropped_calls",
                    models.BigIntegerField(default=0, help_text="calls in the filter whose records retention dropped"),
                ),
                ("was_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("is_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("applied", models.BigIntegerField(default=0)),
                ("gone", models.BigIntegerField(default=0)),
                ("reversed", models.BigIntegerField(default=0)),
                ("first_at", models.DateTimeField(help_text="where the preview began, for its progress", null=True)),
                ("after_at", models.DateTimeField(null=True)),
                ("after_project_id", models.IntegerField(default=0)),
                ("after_usage_id", models.TextField(blank=True, default="")),
                (
                    "cursor",
                    models.BigIntegerField(
                        default=0, help_text="lines up to this id are done; when reversing, from this id"
                    ),
                ),
                ("taken_by", models.TextField(blank=True, default="")),
                ("taken_until", models.DateTimeField(help_text="a worker has it until then", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["draft", "approved", "applying", "reversing"])),
                        fields=["id"],
                        name="rerate_at_work",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RerateStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("reverses", models.BooleanField(default=False)),
                ("records", models.IntegerField()),
                ("difference_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="costs.reraterun"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RerateLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.IntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("usage_id", models.TextField()),
                ("model_id", models.IntegerField()),
                ("conversation_id", models.TextField(null=True)),
                ("calls", models.IntegerField()),
                ("was_cost_usd", models.DecimalField(decimal_places=15, max_digits=30, null=True)),
                ("was_price_cost_usd", models.DecimalField(decimal_places=15, max_digits=30, null=True)),
                ("was_price_id", models.IntegerField(null=True)),
                ("was_cost_source", models.SmallIntegerField()),
                ("was_assumed", models.IntegerField()),
                ("is_cost_usd", models.DecimalField(decimal_places=15, max_digits=30, null=True)),
                ("is_price_cost_usd", models.DecimalField(decimal_places=15, max_digits=30, null=True)),
                ("is_price_id", models.IntegerField(null=True)),
                ("is_cost_source", models.SmallIntegerField()),
                ("is_assumed", models.IntegerField()),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[(0, "Planned"), (1, "Applied"), (2, "Gone"), (3, "Reversed")], default=0
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="costs.reraterun",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="costs.reratestep",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["run", "id"], name="rerate_line_of_run")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project_id", "occurred_at", "usage_id", "run"), name="rerate_line_once_a_run"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RerateSum",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by", models.CharField(help_text="model, project or conversation", max_length=12)),
                ("model_id", models.IntegerField(default=0)),
                ("project_id", models.IntegerField(default=0)),
                ("conversation_id", models.TextField(blank=True, default="")),
                ("records", models.BigIntegerField()),
                ("calls", models.BigIntegerField()),
                ("priced_calls", models.BigIntegerField(help_text="calls that had no price and get one")),
                ("unpriced_calls", models.BigIntegerField(help_text="calls that had a price and lose it")),
                ("was_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("is_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sums",
                        to="costs.reraterun",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "by", "model_id", "project_id", "conversation_id"), name="rerate_sum_once"
                    )
                ],
            },
        ),
    ]
