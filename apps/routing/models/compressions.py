"""Compressions that were worth it: their figures, never their messages."""

from django.db import models
from django.db.models.functions import Now


class Compression(models.Model):
    """One row is one compression that was answered, never changed. Money is None where the model has no price."""

    compression_id = models.TextField(primary_key=True)
    created_at = models.DateTimeField(db_default=Now())
    project_id = models.IntegerField(null=True, help_text="the key's own, if it has one")
    provider = models.TextField(default="")
    model = models.TextField(default="")
    tokens_before = models.BigIntegerField()
    tokens_after = models.BigIntegerField()
    usd_saved_per_call = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    usd_lost = models.DecimalField(
        max_digits=30, decimal_places=15, null=True, help_text="once: the prompt cache, and a summary's own cost"
    )

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="compression_by_time")]

    def __str__(self) -> str:
        return f"{self.compression_id}: {self.tokens_before} to {self.tokens_after} tokens"
