"""The audit log: who changed what. The database refuses to change or delete a row."""

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One row is one change, sign-in or denial. Plain values without foreign keys: it outlives what it tells of."""

    at = models.DateTimeField(db_default=Now())
    actor = models.TextField()
    action = models.TextField()
    object_type = models.TextField(default="", blank=True)
    object_id = models.TextField(default="", blank=True)
    project_id = models.BigIntegerField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.TextField(default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_of_object"),
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
