"""Sums of tasks by the day in which they began: of those that rest; others are read one by one."""

from django.db import models

from apps.costs.models.rollups import usd


class TaskSums(models.Model):
    """What figures of tasks are computed from (selectors/task_sums.py says how)."""

    tasks = models.BigIntegerField(default=0)
    judged_tasks = models.BigIntegerField(default=0)
    succeeded_tasks = models.BigIntegerField(default=0)
    judged_usd = usd()
    failed_usd = usd()
    succeeded_tokens = models.BigIntegerField(default=0)
    unpriced_tasks = models.BigIntegerField(default=0)
    quality_tasks = models.BigIntegerField(default=0)
    quality_sum = models.DecimalField(max_digits=38, decimal_places=6, default=0)

    class Meta:
        abstract = True


class TaskFold(models.Model):
    """One row says that a day of a zone has TaskSlice rows: they, less what was taken back, are its folded tasks."""

    bucket = models.DateTimeField(primary_key=True, help_text="the instant the day begins")
    zone = models.TextField()
    ends_at = models.DateTimeField()
    proven_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.bucket:%Y-%m-%dT%H:%MZ} in {self.zone}"


class TaskSlice(TaskSums):
    """The folded tasks that began in one day, by project and at most two dimensions (domain/slices.py)."""

    pk = models.CompositePrimaryKey("slice", "bucket", "project_id", "a_id", "b_id")
    slice = models.SmallIntegerField()
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    a_id = models.IntegerField()
    b_id = models.IntegerField()


class TaskTakenBack(TaskSums):
    """What a task counted in its fold before it changed or went; a trigger writes it. The next fold takes it off."""

    id = models.BigAutoField(primary_key=True)
    project_id = models.IntegerField()
    bucket = models.DateTimeField(db_index=True, help_text="when the task began")
    cell_id = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.tasks} of {self.bucket:%Y-%m-%dT%H:%MZ}"
