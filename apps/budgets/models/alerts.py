"""Alerts, and what is to be told about them."""

from functools import reduce
from operator import or_
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.access.domain.identity import Caller
from apps.budgets.domain.thresholds import Action

LOWERING = (Action.DOWNGRADE.value, Action.CHEAPEST.value)
"""How the occurrences of budget alerts end while which calls go to cheaper models."""


class Severity(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class AlertState(models.TextChoices):
    FIRING = "firing", "Firing"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    SILENCED = "silenced", "Silenced"
    RESOLVED = "resolved", "Resolved"


class AlertQuerySet(models.QuerySet["Alert"]):
    """Questions about alerts."""

    def visible_to(self, caller: Caller) -> Self:
        """Alerts the caller may see: a limited one sees those of its projects, and none of the installation."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def open(self) -> Self:
        """Alerts whose cause is not over."""
        return self.exclude(state=AlertState.RESOLVED)

    def firing(self) -> Self:
        """Alerts nobody has taken up."""
        return self.filter(state=AlertState.FIRING)

    def lowering(self) -> Self:
        """Alerts of budgets that send calls to cheaper models while they are open."""
        ends = [Q(occurrence__endswith=f":{action}") for action in LOWERING]
        return self.filter(reduce(or_, ends), kind="budget", budget_id__isnull=False)


class Alert(models.Model):
    """One row is one crossing: the database holds it once, however often it is noticed."""

    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=255)
    occurrence = models.CharField(max_length=128)
    severity = models.CharField(max_length=8, choices=Severity)
    title = models.TextField()
    facts = models.JSONField(default=list, help_text='pairs of name and value, in order: [["Spent", "$401.20"], …]')
    budget_id = models.BigIntegerField(null=True)
    project_id = models.BigIntegerField(null=True)
    mails = models.BooleanField(default=True, help_text="false: shown on the pages, told to nobody")
    state = models.CharField(max_length=12, choices=AlertState, default=AlertState.FIRING)
    raised_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now, help_text="when its state changed last")
    changed_by = models.TextField(default="", blank=True, help_text="who acknowledged or silenced it")
    silenced_until = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "occurrence"], name="alert_once_per_crossing"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_severity_known"),
            models.CheckConstraint(condition=Q(state__in=AlertState.values), name="alert_state_known"),
            models.CheckConstraint(
                condition=Q(state="silenced", silenced_until__isnull=False) | ~Q(state="silenced"),
                name="alert_silence_ends",
            ),
        ]
        indexes = [
            models.Index(fields=["-raised_at", "-id"], name="alert_newest"),
            models.Index(fields=["state", "-raised_at"], name="alert_open", condition=~Q(state="resolved")),
            models.Index(fields=["budget_id", "-raised_at"], name="alert_of_budget", condition=Q(budget_id__gt=0)),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def lowers(self) -> bool:
        """True if its budget sends calls to cheaper models while it is open."""
        return self.kind == "budget" and self.budget_id is not None and self.occurrence.rpartition(":")[2] in LOWERING

    @property
    def came_late(self) -> bool:
        """True if its period was over when it was raised."""
        return any(name == "Late" for name, _ in self.facts)


class Event(models.TextChoices):
    RAISED = "raised", "Raised"
    REMINDER = "reminder", "Reminder"
    DOWNGRADED = "downgraded", "Calls sent down"
    RESOLVED = "resolved", "Resolved"


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def waiting(self) -> Self:
        """What has not been addressed to anybody yet, oldest first."""
        return self.filter(addressed_at=None).order_by("id")


class Announcement(models.Model):
    """One row is one thing to be told about an alert: the outbox. Written in the transaction of what it tells of."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="announcements")
    event = models.CharField(max_length=12, choices=Event)
    number = models.PositiveSmallIntegerField(default=0, help_text="counts what is told again; 0 for what happens once")
    lowered = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()),
        help_text="which model took the place of which, for how many calls",
    )  # fmt: skip
    lowered_since = models.DateTimeField(null=True, help_text="from when on those calls are counted, up to made_at")
    made_at = models.DateTimeField(default=timezone.now)
    addressed_at = models.DateTimeField(null=True, help_text="when it was decided who is told")

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "event", "number"], name="announcement_once"),
            models.CheckConstraint(condition=Q(event__in=Event.values), name="announcement_event_known"),
        ]
        indexes = [models.Index(fields=["id"], name="announcement_waiting", condition=Q(addressed_at=None))]

    def __str__(self) -> str:
        return f"{self.event} of alert {self.alert_id}"
