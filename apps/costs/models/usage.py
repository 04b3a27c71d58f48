"""What agents did: one row a call, in monthly partitions, and the permanent keys that make a retry harmless."""

from django.db import models
from django.db.models.functions import Now


class UsageKey(models.Model):
    """One row is one usage id of one project, kept for ever, outside the partitions."""

    pk = models.CompositePrimaryKey("project_id", "id_hash")
    project_id = models.IntegerField()
    id_hash = models.UUIDField(help_text="the id if it is a UUID, else the first 16 bytes of its SHA-256")
    fingerprint = models.UUIDField(help_text="first 16 bytes of the SHA-256 of the record as sent, keys sorted")
    occurred_at = models.DateTimeField()


class UsageRecord(models.Model):
    """One row is one call or tool execution. Partitioned by month of occurred_at; never updated by ingest."""

    pk = models.CompositePrimaryKey("project_id", "occurred_at", "usage_id")
    project_id = models.IntegerField()
    usage_id = models.TextField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    cell_id = models.IntegerField()
    key_id = models.BigIntegerField(null=True)
    operation_id = models.IntegerField(db_default=0)
    sent_provider_id = models.IntegerField(db_default=0)
    user_id = models.IntegerField(db_default=0)
    tool_id = models.IntegerField(db_default=0)
    error_type_id = models.IntegerField(db_default=0)
    conversation_id = models.TextField(null=True)
    task_id = models.TextField(null=True)
    run_id = models.TextField(null=True)
    parent_id = models.TextField(null=True)
    request_id = models.TextField(null=True)
    response_id = models.TextField(null=True)
    tool_call_id = models.TextField(null=True)
    decision_id = models.TextField(null=True)
    reservation_id = models.TextField(null=True)
    compression_id = models.TextField(null=True)
    tags = models.JSONField(null=True)
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cache_read_input_tokens = models.BigIntegerField(db_default=0)
    cache_creation_input_tokens = models.BigIntegerField(db_default=0)
    cache_creation_1h_input_tokens = models.BigIntegerField(db_default=0)
    reasoning_output_tokens = models.BigIntegerField(db_default=0)
    other_tokens = models.JSONField(null=True)
    web_searches = models.IntegerField(db_default=0)
    requests = models.IntegerField(db_default=1)
    calls = models.IntegerField(db_default=1)
    service_tier = models.SmallIntegerField(db_default=0)
    attempt = models.IntegerField(db_default=1)
    latency_ms = models.BigIntegerField(null=True)
    time_to_first_token_ms = models.BigIntegerField(null=True)
    cache_hit = models.BooleanField(db_default=False)
    compressed = models.BooleanField(db_default=False)
    usage_source = models.SmallIntegerField(db_default=0)
    cost_source = models.SmallIntegerField()
    cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    price_cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    price_id = models.IntegerField(null=True)
    assumed = models.IntegerField(db_default=0, help_text="bits of the parts billed at another part's rate")
    success = models.BooleanField(null=True)
    quality = models.FloatField(null=True)

    class Meta:
        db_table = "costs_usagerecord"
