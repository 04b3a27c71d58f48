"""How work went: the outcomes that were told, and the tasks they judge."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now


class TaskTotal(models.Model):
    """One row is one task of one project: where it belongs, its sums, and how it went by its best sources.

    A task belongs to the time and the cell of its first call; before any call, of its first tool execution. One that
    has outcomes but no records yet waits: it has no first_at and is part of no figure.
    """

    pk = models.CompositePrimaryKey("project_id", "task_id")
    project_id = models.IntegerField()
    task_id = models.TextField(db_collation="C")
    first_at = models.DateTimeField(null=True)
    first_id = models.TextField(db_default="", db_collation="C", help_text="the usage id of the first call")
    cell_id = models.IntegerField(db_default=0, help_text="the cell of the first call")
    last_at = models.DateTimeField(db_default=Now())
    calls = models.BigIntegerField(db_default=0)
    error_calls = models.BigIntegerField(db_default=0)
    tool_executions = models.BigIntegerField(db_default=0)
    unpriced_calls = models.BigIntegerField(db_default=0)
    input_tokens = models.BigIntegerField(db_default=0)
    output_tokens = models.BigIntegerField(db_default=0)
    cache_read_input_tokens = models.BigIntegerField(db_default=0)
    cost_usd = models.DecimalField(max_digits=38, decimal_places=15, db_default=0)
    success = models.BooleanField(null=True)
    success_source = models.SmallIntegerField(null=True, help_text="an OutcomeSource")
    quality = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    quality_source = models.SmallIntegerField(null=True, help_text="an OutcomeSource")
    is_folded = models.BooleanField(db_default=False, help_text="counted in the slices of the day it began")

    class Meta:
        indexes = [
            models.Index(fields=["first_at"], name="task_by_first_at"),
            models.Index(fields=["first_at"], condition=models.Q(is_folded=False), name="task_not_folded"),
            # An index of this kind lets a task change without a new entry in any: it moves on with every record.
            BrinIndex(fields=["last_at"], name="task_by_last_heard", autosummarize=True),
        ]


class Outcome(models.Model):
    """One row is one judgement of how something went. Never changed; the newest of the best source counts."""

    id = models.BigAutoField(primary_key=True)
    project_id = models.IntegerField()
    origin = models.SmallIntegerField(help_text="an OutcomeOrigin")
    outcome_id = models.TextField(db_collation="C", help_text="the sender's id, or that of the usage record")
    fingerprint = models.UUIDField(null=True, help_text="first 16 bytes of the SHA-256 of the outcome as sent")
    target = models.SmallIntegerField(help_text="an OutcomeTarget")
    target_id = models.TextField()
    task_id = models.TextField(null=True, db_collation="C", help_text="the task it judges, once that is known")
    settled_at = models.DateTimeField(null=True, help_text="null while its target is unknown")
    success = models.BooleanField(null=True)
    quality = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    source = models.SmallIntegerField(help_text="an OutcomeSource")
    task_type = models.TextField(default="", blank=True)
    note = models.TextField(default="", blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    key_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project_id", "origin", "outcome_id"], name="outcome_once")]
        indexes = [
            models.Index(
                fields=["project_id", "task_id"], name="outcome_by_task", condition=models.Q(task_id__isnull=False)
            ),
            models.Index(fields=["received_at"], name="outcome_waiting", condition=models.Q(settled_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.outcome_id}: success {self.success}, quality {self.quality}"
