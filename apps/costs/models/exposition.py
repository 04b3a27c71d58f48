"""What was last told to Prometheus."""

from django.db import models


class Exposition(models.Model):
    """The one row of what `/metrics` last said, and of the counters that may never fall behind it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    taken_at = models.DateTimeField(help_text="when the sums were read")
    counters = models.JSONField(help_text="by dimension: a list of [labels, {measure: [sum, lost]}], decimals as text")
    body = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="exposition_is_one_row")]

    def __str__(self) -> str:
        return f"taken at {self.taken_at}"
