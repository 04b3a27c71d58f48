"""Demo data: the wish to load or remove it, carried out by a background sweep."""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class DemoAct(models.TextChoices):
    LOAD = "load"
    REMOVE = "remove"


class DemoRun(models.Model):
    """One row is one wish to load or remove demo data, and how far it is. At most one is open at a time."""

    act = models.CharField(max_length=8, choices=DemoAct)
    asked_by = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(help_text="demo data ends here; it is the moment of the wish")
    days = models.PositiveSmallIntegerField(default=14)
    seed = models.IntegerField(default=1)
    done = models.BigIntegerField(default=0, help_text="records written, or deleted")
    planned = models.BigIntegerField(default=0, help_text="records that will be, once known")
    taken_until = models.DateTimeField(null=True, help_text="a worker has it until then")
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finished_at"], condition=Q(finished_at=None), nulls_distinct=False, name="demo_one_open_run"
            )
        ]

    def __str__(self) -> str:
        return f"{self.act} asked by {self.asked_by}"
