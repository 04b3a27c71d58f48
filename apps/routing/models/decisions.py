"""Decisions: what was asked (without the message), what was answered, and all numbers it stood on."""

from django.db import models
from django.db.models.functions import Now

SENT_DOWN = models.Q(reason_code__startswith="left_", reason_code__endswith="budget")
"""Decisions that a budget sent to a cheaper tier."""

DRAWN = models.Q(propensity__lt=1)
"""Decisions that chance had a part in."""


class Decision(models.Model):
    """One row is one decision, never changed. Its id is unique within its project, as that of a usage record."""

    pk = models.CompositePrimaryKey("project_id", "decision_id")
    project_id = models.IntegerField()
    decision_id = models.TextField(db_collation="C")
    fingerprint = models.UUIDField(help_text="a keyed hash of the question, to tell a retry from another question")
    created_at = models.DateTimeField(db_default=Now())
    key_id = models.BigIntegerField(null=True)
    agent_id = models.IntegerField(db_default=0)
    conversation_id = models.TextField(null=True)
    role = models.TextField(db_default="")
    task_type = models.TextField(db_default="")
    ask_hash = models.BigIntegerField(null=True, help_text="a keyed hash of the message: tells a turn from the next")
    action = models.TextField(help_text="route, keep or block")
    reason_code = models.TextField()
    tier = models.TextField(db_default="")
    provider = models.TextField(db_default="")
    model = models.TextField(db_default="")
    policy_version = models.IntegerField()
    score = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    expected_cost_usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    propensity = models.DecimalField(max_digits=7, decimal_places=6, db_default=1, help_text="chance of this choice")
    features_version = models.SmallIntegerField(db_default=0)
    features = models.BinaryField(null=True, help_text="as in domain/hashed_features.py")
    asked = models.JSONField(help_text="the question, without the message")
    answer = models.JSONField(help_text="the answer, as it was given")

    class Meta:
        indexes = [
            models.Index(fields=["conversation_id", "-created_at"], name="decision_of_conversation"),
            models.Index(fields=["created_at"], name="decision_by_time"),
            models.Index(fields=["decision_id"], name="decision_by_id"),
            models.Index(fields=["created_at"], name="decision_sent_down", condition=SENT_DOWN),
            models.Index(fields=["created_at"], name="decision_drawn", condition=DRAWN),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id}: {self.action} {self.provider}/{self.model}"
