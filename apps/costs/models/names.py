"""Interned names: records and rollups hold small integers, and 0 means "none"."""

from django.db import models


class Label(models.Model):
    """One row is one string of one kind, for example the task type "main_loop"."""

    id = models.AutoField(primary_key=True)
    kind = models.SmallIntegerField(help_text="a LabelKind")
    name = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="label_kind_name")]


class UsedModel(models.Model):
    """One row is one model some call was billed by: canonical provider and the name as sent."""

    id = models.AutoField(primary_key=True)
    provider = models.TextField()
    name = models.TextField()
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="used_model_provider_name")]


class Cell(models.Model):
    """One row is one combination of the cube's dimensions that some record had."""

    id = models.AutoField(primary_key=True)
    project_id = models.IntegerField()
    agent_id = models.IntegerField(default=0)
    model_id = models.IntegerField(default=0)
    tier_id = models.IntegerField(default=0)
    role_id = models.IntegerField(default=0)
    task_type_id = models.IntegerField(default=0)
    status = models.SmallIntegerField(default=0, help_text="a Status")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "agent_id", "model_id", "tier_id", "role_id", "task_type_id", "status"],
                name="cell_dimensions",
            )
        ]
