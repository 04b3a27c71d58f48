"""Sums of usage. Quarters are written in the ingest transaction; days are folded from closed quarters."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.costs.domain.coarse import class_of, hour_of


def usd() -> "models.DecimalField[str | Decimal, Decimal]":
    """A column of summed USD: with room for 10^11 of the largest amounts a NUMERIC(30,15) can hold."""
    return models.DecimalField(max_digits=38, decimal_places=15, default="0")


class Measures(models.Model):
    """The sums every rollup row keeps. Times in milliseconds, histograms as in domain/latency.py."""

    calls = models.BigIntegerField(default=0)
    observed_calls = models.BigIntegerField(default=0)
    ok_calls = models.BigIntegerField(default=0)
    error_calls = models.BigIntegerField(default=0)
    tool_executions = models.BigIntegerField(default=0)
    unpriced_calls = models.BigIntegerField(default=0)
    estimated_calls = models.BigIntegerField(default=0)
    repeated_calls = models.BigIntegerField(default=0)
    cache_hits = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_input_tokens = models.BigIntegerField(default=0)
    cache_creation_input_tokens = models.BigIntegerField(default=0)
    reasoning_output_tokens = models.BigIntegerField(default=0)
    cost_usd = usd()
    avoided_usd = usd()
    latency_calls = models.BigIntegerField(default=0)
    latency_ms_sum = models.BigIntegerField(default=0)
    first_token_calls = models.BigIntegerField(default=0)
    first_token_ms_sum = models.BigIntegerField(default=0)
    latency_bins = ArrayField(models.BigIntegerField(), default=list)
    first_token_bins = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        abstract = True


class UsageQuarter(Measures):
    """The cube: one row is one cell in one UTC quarter-hour (or hour, once folded). Partitioned by month of bucket."""

    pk = models.CompositePrimaryKey("cell_id", "bucket")
    cell_id = models.IntegerField()
    bucket = models.DateTimeField()
    last_received_at = models.DateTimeField()


class UsageQuarterBy(models.Model):
    """A narrow rollup: one row is one user, key, tool or tag with one model in one UTC quarter-hour of one project."""

    pk = models.CompositePrimaryKey("kind", "value_id", "bucket", "project_id", "model_id")
    kind = models.SmallIntegerField()
    value_id = models.BigIntegerField()
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    model_id = models.IntegerField()
    calls = models.BigIntegerField(default=0)
    error_calls = models.BigIntegerField(default=0)
    tool_executions = models.BigIntegerField(default=0)
    unpriced_calls = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_input_tokens = models.BigIntegerField(default=0)
    cost_usd = usd()


class ConversationTotal(models.Model):
    """One row is one conversation of one project: its sums and when it was first and last heard of."""

    pk = models.CompositePrimaryKey("project_id", "conversation_id")
    project_id = models.IntegerField()
    conversation_id = models.TextField()
    agent_id = models.IntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    calls = models.BigIntegerField(default=0)
    error_calls = models.BigIntegerField(default=0)
    tool_executions = models.BigIntegerField(default=0)
    unpriced_calls = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_input_tokens = models.BigIntegerField(default=0)
    cost_usd = usd()
    cost_class: "models.GeneratedField" = models.GeneratedField(
        expression=models.Func("cost_usd", template=class_of("%(expressions)s")),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    last_hour: "models.GeneratedField" = models.GeneratedField(
        expression=models.Func("last_at", template=hour_of("%(expressions)s")),
        output_field=models.DateTimeField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            # Of what seldom changes, so that an update seldom touches an index.
            models.Index(fields=["-cost_class"], name="conversation_by_class"),
            models.Index(fields=["-last_hour"], name="conversation_by_hour"),
        ]


class DayFold(models.Model):
    """One row says that a day of a zone is folded: its UsageDay and DaySlice rows equal its quarters.

    With the zone "hours" it is an hour of a day that is not folded yet, and has DaySlice rows alone.
    A late record deletes the row in its own transaction, so readers go back to the quarters until the next fold.
    """

    pk = models.CompositePrimaryKey("zone", "bucket")
    zone = models.TextField()
    bucket = models.DateTimeField(help_text="the instant the day begins")
    ends_at = models.DateTimeField()
    folded_at = models.DateTimeField(auto_now_add=True)
    proven_at = models.DateTimeField(null=True)
    waste_rules = models.TextField(null=True, help_text="by which settings its WasteSlice rows hold; null: they do not")
    waste_version = models.BigIntegerField(null=True, help_text="the price book their failovers were priced by")
    waste_proven_at = models.DateTimeField(null=True)


class UsageDay(Measures):
    """The cube by day: one row is one cell in one day of the reporting zone. Partitioned by month of bucket."""

    pk = models.CompositePrimaryKey("cell_id", "bucket")
    cell_id = models.IntegerField()
    bucket = models.DateTimeField()


class DaySlice(Measures):
    """The cube by day or hour with all but one or two dimensions summed away, so that long ranges answer at once.

    Of folded days also the narrow rollup by user, tool and tag, whose other measures are 0, and with 0 for the project
    all projects but demo ones together (domain/slices.py).
    """

    pk = models.CompositePrimaryKey("slice", "bucket", "project_id", "a_id", "b_id")
    slice = models.SmallIntegerField()
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    a_id = models.IntegerField()
    b_id = models.IntegerField()
