"""What-ifs over recorded usage: what was asked, how far it is, and what it came to."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class ReplayState(models.TextChoices):
    """Where a run stands. Whoever works on it is told by the lease, not by the state."""

    WAITING = "waiting", "Waiting"
    WORKING = "working", "Working"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"
    CANCELLED = "cancelled", "Cancelled"


class ReplayRun(models.Model):
    """One row is one replay: the time, the scenario as it was when asked, its progress, and its sums."""

    state = models.CharField(max_length=10, choices=ReplayState, default=ReplayState.WAITING)
    name = models.CharField(max_length=80, default="", blank=True, help_text="of the scenario, where it is kept")
    words = models.TextField(help_text="the scenario, for a person")
    project_ids = ArrayField(models.IntegerField(), null=True, help_text="NULL: every project but those of demo data")
    start = models.DateTimeField()
    end = models.DateTimeField()
    policy_id = models.IntegerField(null=True, help_text="the draft or version that is replayed")
    document = models.JSONField(null=True, help_text="the policy as replayed; NULL: calls keep their models")
    before_document = models.JSONField(null=True, help_text="the policy in force when it was asked for")
    moves = models.JSONField(default=list, help_text="as in domain/scenarios.py")
    levers = models.JSONField(default=dict, blank=True, help_text="what is supposed, as in domain/levers.py")
    only = models.JSONField(default=dict, blank=True, help_text="whose calls count, as in domain/scenarios.py")
    asked_by = models.TextField()
    asked_at = models.DateTimeField(db_default=Now())
    priced_at = models.DateTimeField(help_text="the prices of this instant hold on both sides")
    done_until = models.DateTimeField(help_text="calls before this are in the sums")
    done_at = models.DateTimeField(null=True)
    why = models.TextField(default="", blank=True, help_text="why it stopped, for a person")
    sums = models.JSONField(default=dict, blank=True, help_text="as in domain/tally.py")
    taken_by = models.TextField(default="", blank=True)
    taken_until = models.DateTimeField(null=True, help_text="a worker has it until then")

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(state__in=["waiting", "working"]), name="replay_at_work")
        ]

    def __str__(self) -> str:
        return f"replay {self.pk}: {self.words}"
