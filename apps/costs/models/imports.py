"""Imports of files: how far each is, so that a killed one goes on where it was."""

from django.db import models
from django.utils import timezone


class ImportStatus(models.TextChoices):
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class ImportRun(models.Model):
    """One row is one file imported into one project with one set of options.

    Only a convenience: ids of records are made from the file, so an import that starts over changes nothing.
    """

    file_hash = models.CharField(max_length=64, help_text="SHA-256 of the content, unpacked")
    options_hash = models.CharField(max_length=64, help_text="SHA-256 of the options as JSON, keys sorted")
    format = models.CharField(max_length=32)
    project = models.TextField()
    file_name = models.TextField()
    options = models.JSONField(default=dict)
    moved_by = models.DurationField(null=True, help_text="added to the times of the file")
    status = models.CharField(max_length=8, choices=ImportStatus, default=ImportStatus.RUNNING)
    error = models.TextField(default="", blank=True)
    rows_done = models.BigIntegerField(default=0, help_text="all rows up to here were committed")
    last_id = models.TextField(default="", blank=True, help_text="the usage id of the last record that was committed")
    started_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["file_hash", "format", "project", "options_hash"], name="import_once_per_file_and_options"
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.format})"
