"""Sums of waste by the days and hours that are folded, computed from the records once."""

from django.db import models

from apps.costs.models.rollups import usd


class WasteSlice(models.Model):
    """The waste of one folded day or hour, by project and at most two dimensions (domain/slices.py).

    With 0 for the project all projects but demo ones together. The sums are those of WasteTotals. They hold where the
    DayFold row of the day or hour says so (`waste_rules`). Beside them stands what all calls cost, by the hour of every
    folded day, which no other table keeps by more than the project.
    """

    pk = models.CompositePrimaryKey("slice", "bucket", "project_id", "a_id", "b_id")
    slice = models.SmallIntegerField()
    bucket = models.DateTimeField()
    project_id = models.IntegerField()
    a_id = models.IntegerField()
    b_id = models.IntegerField()
    observed_calls = models.BigIntegerField(default=0)
    failed_calls = models.BigIntegerField(default=0)
    failed_usd = usd()
    retries = models.BigIntegerField(default=0)
    failovers = models.BigIntegerField(default=0)
    failover_usd = usd()
    missed_calls = models.BigIntegerField(default=0)
    missed_tokens = models.BigIntegerField(default=0)
    missed_usd = usd()
    calls = models.BigIntegerField(default=0)
    tool_executions = models.BigIntegerField(default=0)
    cost_usd = usd()
