"""What the project itself keeps: when its background work was last done."""

from django.db import models


class Heartbeat(models.Model):
    """One row is one periodic task: when it was last done, and when it last failed with what."""

    name = models.TextField(primary_key=True)
    done_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return self.name
