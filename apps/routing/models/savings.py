"""What savings are measured against, and the day sums they are read from."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from apps.costs.models.rollups import usd


class BaselineQuerySet(models.QuerySet["BaselineRow"]):
    def standing(self) -> Self:
        """Those not withdrawn, newest declaration first: of a day, the first that had begun holds."""
        return self.filter(withdrawn_at=None).order_by("-id")


class BaselineRow(models.Model):
    """One row is one declaration: which configuration was in use, and from when savings are measured against it.

    Only a withdrawal changes it.
    """

    id = models.AutoField(primary_key=True)
    models_by_role = models.JSONField(default=dict, blank=True, help_text='role: [provider, name]; "": every other')
    policy_version = models.PositiveIntegerField(null=True, help_text="a published version instead of models")
    starts_at = models.DateTimeField(help_text="the instant its first day begins")
    monthly_usd = models.DecimalField(max_digits=30, decimal_places=15, default=0, help_text="what Bursar costs to run")
    note = models.TextField(blank=True, default="")
    declared_by = models.TextField()
    declared_at = models.DateTimeField(db_default=Now())
    withdrawn_by = models.TextField(blank=True, default="")
    withdrawn_at = models.DateTimeField(null=True)

    objects: ClassVar[BaselineQuerySet] = BaselineQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "routing_baseline"

    def __str__(self) -> str:
        return f"baseline {self.pk} from {self.starts_at:%Y-%m-%d}"


class SavingsDay(models.Model):
    """One row is one day that was compared with its baseline: what it was derived from, so that a change shows."""

    bucket = models.DateTimeField(primary_key=True, help_text="the instant the day begins")
    ends_at = models.DateTimeField()
    zone = models.TextField()
    baseline_id = models.IntegerField(null=True)
    derived_at = models.DateTimeField()
    seen_calls = models.BigIntegerField(default=0)
    seen_unpriced_calls = models.BigIntegerField(default=0)
    seen_tokens = models.BigIntegerField(default=0)
    seen_usd = usd()

    def __str__(self) -> str:
        return f"{self.bucket:%Y-%m-%d} against {self.baseline_id}"


class Compared(models.Model):
    """What compared calls cost, and would have cost; as in domain/counterfactual.py."""

    calls = models.BigIntegerField()
    compared_calls = models.BigIntegerField()
    paid_usd = usd()
    repriced_usd = usd()
    elsewhere_usd = usd()
    cache_usd = usd()
    waste_usd = usd()
    overhead_usd = usd()

    class Meta:
        abstract = True


class SavingsSum(Compared):
    """One row is one cell on one compared day."""

    pk = models.CompositePrimaryKey("bucket", "cell_id")
    bucket = models.DateTimeField()
    cell_id = models.IntegerField()


class SavingsSlice(Compared):
    """One row is one value of one dimension in one project on one compared day: cells added up for long ranges.

    Project 0 is all projects but those of demo data. `dimension` is a number of SLICES.
    """

    SLICES: ClassVar = {
        "": 0, "model_id": 1, "task_type_id": 2, "tier_id": 3, "role_id": 4, "agent_id": 5, "status": 6,
    }  # fmt: skip
    pk = models.CompositePrimaryKey("dimension", "bucket", "project_id", "value_id")
    dimension = models.SmallIntegerField()
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    value_id = models.IntegerField()


class SwitchSum(models.Model):
    """One row is one kind of switch of model on one day; as in domain/switching.py."""

    pk = models.CompositePrimaryKey("bucket", "project_id", "role_id", "from_model_id", "to_model_id")
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    role_id = models.IntegerField()
    from_model_id = models.IntegerField()
    to_model_id = models.IntegerField()
    switches = models.BigIntegerField()
    before_calls = models.BigIntegerField()
    before_priced_calls = models.BigIntegerField()
    before_usd = usd()
    before_errors = models.BigIntegerField()
    before_latency_calls = models.BigIntegerField()
    before_latency_ms = models.BigIntegerField()
    after_calls = models.BigIntegerField()
    after_priced_calls = models.BigIntegerField()
    after_usd = usd()
    after_errors = models.BigIntegerField()
    after_latency_calls = models.BigIntegerField()
    after_latency_ms = models.BigIntegerField()
    lost_tokens = models.BigIntegerField()
    lost_usd = usd()


class BandSum(models.Model):
    """One row is the decided calls of one band of complexity on one day, at the baseline's model or at another."""

    pk = models.CompositePrimaryKey("bucket", "project_id", "band", "at_baseline")
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    band = models.TextField(help_text="the tier of the policy in force that the score belongs to")
    at_baseline = models.BooleanField()
    calls = models.BigIntegerField()
    ok_calls = models.BigIntegerField()
    error_calls = models.BigIntegerField()
    latency_calls = models.BigIntegerField()
    latency_ms = models.BigIntegerField()
    latency_bins = ArrayField(models.BigIntegerField(), default=list, help_text="as in costs/domain/latency.py")


class BaselineLearned(models.Model):
    """One row is what tasks of the last weeks tell of one baseline: tokens by kind of task, success by complexity."""

    baseline_id = models.IntegerField(primary_key=True)
    learned_at = models.DateTimeField()
    days = models.IntegerField()
    tasks = models.IntegerField(help_text="tasks that were read")
    ratios = models.JSONField(default=dict, help_text="by task type, as in domain/token_ratio.py")
    success = models.JSONField(default=list, help_text="[band, at the baseline, judged tasks, succeeded tasks]")
    by_lot = models.JSONField(default=dict, help_text="success and cost of drawn tasks, as in domain/off_policy.py")

    def __str__(self) -> str:
        return f"baseline {self.baseline_id}: {self.tasks} tasks"
