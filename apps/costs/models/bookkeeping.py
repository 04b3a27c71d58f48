"""What the background work knows of itself: how far it got, what it found, what it dropped."""

from django.db import models


class BooksState(models.Model):
    """The one row of facts that readers and background work must agree on, read in the snapshot of the rows."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    hours_until = models.DateTimeField(null=True, help_text="rollups before this may be stored by the hour")
    hours_until_set_at = models.DateTimeField(null=True)
    records_from = models.DateTimeField(null=True, help_text="records before this were dropped by retention")
    rollups_from = models.DateTimeField(null=True, help_text="rollups before this were dropped by retention")
    conversations_project_id = models.IntegerField(default=0, help_text="where the walk over conversations stands")
    conversations_id = models.TextField(default="", blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="books_state_is_one_row")]

    def __str__(self) -> str:
        return f"records from {self.records_from}, rollups from {self.rollups_from}"


class Sweep(models.Model):
    """One row is one kind of background work: when it last ended, and since when it has not caught up."""

    name = models.TextField(primary_key=True)
    ran_at = models.DateTimeField()
    behind_since = models.DateTimeField(null=True)
    words = models.TextField(help_text="what the last run did")

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


class ProvenHour(models.Model):
    """One row is one closed UTC hour whose rollups were compared with its records, and when last."""

    bucket = models.DateTimeField(primary_key=True)
    proven_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.bucket:%Y-%m-%dT%H:%MZ}"


class RollupDifference(models.Model):
    """One row is one number of a rollup that did not equal its records: what it was, and what it is by the records."""

    found_at = models.DateTimeField(db_index=True)
    table = models.TextField()
    bucket = models.DateTimeField(null=True, help_text="null for conversations")
    key = models.TextField(help_text="the row, in words")
    column = models.TextField()
    was = models.TextField()
    is_now = models.TextField()
    repaired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.column}: {self.was}, by the records {self.is_now}"


class RetentionRun(models.Model):
    """One row is one run of retention that dropped something or failed to: its report."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    records_before = models.DateTimeField(null=True)
    rollups_before = models.DateTimeField(null=True)
    dropped = models.JSONField(default=list, help_text="a list of {table, partition, rows, bytes}; rows are estimated")
    conversations = models.BigIntegerField(default=0)
    folded_rows = models.BigIntegerField(default=0)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}: {len(self.dropped)} partitions"
