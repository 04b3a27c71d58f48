"""Re-rating: runs that price records again, what each record was and becomes, and the committed steps."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.costs.models.rollups import usd


class RerateState(models.TextChoices):
    """Where a run stands. Whoever works on it is told by the lease, not by the state."""

    DRAFT = "draft", "Being previewed"
    PREVIEWED = "previewed", "Waits for approval"
    APPROVED = "approved", "Approved"
    APPLYING = "applying", "Being applied"
    APPLIED = "applied", "Applied"
    STOPPED = "stopped", "Stopped"
    REVERSING = "reversing", "Being reversed"
    REVERSED = "reversed", "Reversed"
    ABANDONED = "abandoned", "Abandoned"


class LineState(models.IntegerChoices):
    """What became of one record of a run; GONE: retention or the removal of demo data took it before."""

    PLANNED = 0
    APPLIED = 1
    GONE = 2
    REVERSED = 3


class RerateRun(models.Model):
    """One row is one run: its filter, who decided what, the totals of its preview, and how far it is."""

    state = models.CharField(max_length=10, choices=RerateState, default=RerateState.DRAFT)
    project_ids = ArrayField(models.IntegerField(), null=True, help_text="NULL: every project but those of demo data")
    provider = models.TextField(default="", blank=True)
    models_named = ArrayField(models.TextField(), default=list, blank=True)
    name_sent = models.TextField(default="", blank=True)
    only_unpriced = models.BooleanField(default=False)
    model_ids = ArrayField(models.IntegerField(), null=True, help_text="the used models the names mean; NULL: all")
    start = models.DateTimeField(null=True, help_text="included; NULL: from the beginning")
    end = models.DateTimeField(null=True, help_text="not included; NULL: to the end")
    include_reported = models.BooleanField(default=False, help_text="costs that providers reported are replaced too")

    asked_by = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now)
    previewed_at = models.DateTimeField(null=True)
    approved_by = models.TextField(default="", blank=True)
    approved_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    reversed_by = models.TextField(default="", blank=True)
    reversed_at = models.DateTimeField(null=True)
    why = models.TextField(default="", blank=True, help_text="why it stopped, for a person")

    price_book_version = models.BigIntegerField(null=True, help_text="the book its preview was priced with")
    seen = models.BigIntegerField(default=0, help_text="records looked at")
    changed = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0, help_text="those without a price included")
    still_unpriced = models.BigIntegerField(default=0)
    reported = models.BigIntegerField(default=0, help_text="left as their provider reported them")
    dropped_calls = models.BigIntegerField(default=0, help_text="calls in the filter whose records retention dropped")
    was_usd = usd()
    is_usd = usd()
    applied = models.BigIntegerField(default=0)
    gone = models.BigIntegerField(default=0)
    reversed = models.BigIntegerField(default=0)

    first_at = models.DateTimeField(null=True, help_text="where the preview began, for its progress")
    after_at = models.DateTimeField(null=True)
    after_project_id = models.IntegerField(default=0)
    after_usage_id = models.TextField(default="", blank=True)
    cursor = models.BigIntegerField(default=0, help_text="lines up to this id are done; when reversing, from this id")
    taken_by = models.TextField(default="", blank=True)
    taken_until = models.DateTimeField(null=True, help_text="a worker has it until then")

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["draft", "approved", "applying", "reversing"]),
                name="rerate_at_work",
            )
        ]

    def __str__(self) -> str:
        return f"re-rating {self.pk}: {self.state}"


class RerateStep(models.Model):
    """One row is one committed batch of a run; ids rise in the order of the commits, as a lock makes them."""

    run = models.ForeignKey(RerateRun, on_delete=models.PROTECT, related_name="steps")
    at = models.DateTimeField(default=timezone.now)
    reverses = models.BooleanField(default=False)
    records = models.IntegerField()
    difference_usd = usd()


class RerateLine(models.Model):
    """One row is one record a run changes: how it was billed, kept for ever, and how it is billed then."""

    run = models.ForeignKey(RerateRun, on_delete=models.PROTECT, related_name="lines", db_index=False)
    project_id = models.IntegerField()
    occurred_at = models.DateTimeField()
    usage_id = models.TextField()
    model_id = models.IntegerField()
    conversation_id = models.TextField(null=True)
    calls = models.IntegerField()
    was_cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    was_price_cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    was_price_id = models.IntegerField(null=True)
    was_cost_source = models.SmallIntegerField()
    was_assumed = models.IntegerField()
    is_cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    is_price_cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    is_price_id = models.IntegerField(null=True)
    is_cost_source = models.SmallIntegerField()
    is_assumed = models.IntegerField()
    state = models.SmallIntegerField(choices=LineState, default=LineState.PLANNED)
    step = models.ForeignKey(RerateStep, null=True, on_delete=models.PROTECT, db_index=False, db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "occurred_at", "usage_id", "run"], name="rerate_line_once_a_run"
            )
        ]
        indexes = [models.Index(fields=["run", "id"], name="rerate_line_of_run")]


class RerateSum(models.Model):
    """One row is the difference a run makes to one model, one project or one conversation."""

    run = models.ForeignKey(RerateRun, on_delete=models.CASCADE, related_name="sums", db_index=False)
    by = models.CharField(max_length=12, help_text="model, project or conversation")
    model_id = models.IntegerField(default=0)
    project_id = models.IntegerField(default=0)
    conversation_id = models.TextField(default="", blank=True)
    records = models.BigIntegerField()
    calls = models.BigIntegerField()
    priced_calls = models.BigIntegerField(help_text="calls that had no price and get one")
    unpriced_calls = models.BigIntegerField(help_text="calls that had a price and lose it")
    was_usd = usd()
    is_usd = usd()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "by", "model_id", "project_id", "conversation_id"], name="rerate_sum_once"
            )
        ]
