"""How models do at kinds of tasks, as the last sweep over outcomes and usage found it."""

from django.db import models


class ModelQuality(models.Model):
    """One row is one model at one task type, or at all of them together when the task type is empty.

    Quality stands on judged tasks, errors on the calls of the last days. A row stays until a sweep finds neither.
    """

    id = models.BigAutoField(primary_key=True)
    provider = models.TextField(help_text="canonical")
    name = models.TextField()
    task_type = models.TextField(blank=True, default="")
    n = models.BigIntegerField(default=0, help_text="judged tasks")
    n_eff = models.DecimalField(max_digits=18, decimal_places=6, default=0, help_text="new tasks judged by tests")
    mean = models.DecimalField(max_digits=7, decimal_places=6, null=True, help_text="null while nothing was judged")
    lower = models.DecimalField(max_digits=7, decimal_places=6, null=True, help_text="exceeded with a chance of 95 %")
    calls = models.BigIntegerField(default=0)
    error_calls = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "name", "task_type"], name="model_quality_once"),
            models.CheckConstraint(condition=models.Q(lower__lte=models.F("mean")), name="quality_lower_below_mean"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name} at {self.task_type or 'all tasks'}: {self.mean} of {self.n}"


class QualityState(models.Model):
    """The one row: a number that rises whenever a sweep found other statistics."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="quality_state_is_one_row")]

    def __str__(self) -> str:
        return f"version {self.version}"
