"""How models do at the moment, by what agents reported."""

from django.db import models


class ModelHealth(models.Model):
    """One row is one model at one provider: the state of its breaker, and sums of the last window and minute."""

    pk = models.CompositePrimaryKey("provider", "model")
    provider = models.TextField(help_text="canonical")
    model = models.TextField()
    breaker = models.TextField(default="closed", help_text="closed, half_open or open")
    since = models.DateTimeField(null=True)
    times_open = models.IntegerField(default=0)
    cause = models.TextField(blank=True, default="")
    trial_ok_at = models.DateTimeField(null=True, help_text="when half open: the first trial call that went well")
    seen_at = models.DateTimeField()
    calls = models.IntegerField(default=0)
    ok_calls = models.IntegerField(default=0)
    fault_calls = models.IntegerField(default=0)
    latency_ms = models.IntegerField(null=True, help_text="mean of the window")
    errors = models.JSONField(default=dict, help_text="calls of the window by error type")
    minute_requests = models.IntegerField(default=0)
    minute_input_tokens = models.BigIntegerField(default=0)
    minute_output_tokens = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}: {self.breaker}"
