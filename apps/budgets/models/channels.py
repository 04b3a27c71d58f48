"""Whom alerts are told to, by what way, and every delivery with how it went."""

import uuid
from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.access.domain.identity import Role
from apps.budgets.domain.telling import Manner
from apps.budgets.models.alerts import Announcement, Severity


def usual_roles() -> list[str]:
    """Who is told before anybody chose: those who can do something about it."""
    return [Role.OWNER.value, Role.ADMIN.value]


class ChannelKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    SLACK = "slack", "Slack"


class Channel(models.Model):
    """One row is one address that alerts are posted to. Its secret is derived from SECRET_KEY and the nonce."""

    kind = models.CharField(max_length=8, choices=ChannelKind)
    name = models.CharField(max_length=128, unique=True)
    url = models.TextField()
    nonce = models.TextField(default="", blank=True)
    former_nonce = models.TextField(default="", blank=True, help_text="signs too, until former_until")
    former_until = models.DateTimeField(null=True)
    made_at = models.DateTimeField(default=timezone.now)
    failing_since = models.DateTimeField(null=True, help_text="when it last began to fail; NULL: the last try was well")
    off_since = models.DateTimeField(null=True)
    off_why = models.TextField(default="", blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="channel_kind_known")]

    def __str__(self) -> str:
        return self.name


class MailAddress(models.Model):
    """One row is an address of nobody who signs in. It gets alerts once whoever reads it has agreed."""

    address = models.EmailField(max_length=254, unique=True)
    asked_by = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.address


class Audience(models.Model):
    """One row: who is told about alerts, unless a budget names others, and how everybody is told."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    roles = ArrayField(models.CharField(max_length=8), default=usual_roles, blank=True)
    addresses = models.ManyToManyField(MailAddress, blank=True, related_name="+")
    channels = models.ManyToManyField(Channel, blank=True, related_name="+")
    lowest = models.CharField(max_length=8, choices=Severity, default=Severity.INFO)
    digest_minutes = models.PositiveSmallIntegerField(default=0)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    zone = models.TextField(default="UTC")
    remind_hours = models.PositiveSmallIntegerField(default=24, help_text="critical ones nobody took up; 0: never")
    tells_resolved = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="audience_is_one_row"),
            models.CheckConstraint(
                condition=Q(roles__contained_by=[role.value for role in Role]), name="audience_roles_known"
            ),
            models.CheckConstraint(condition=Q(lowest__in=Severity.values), name="audience_lowest_known"),
        ]

    def __str__(self) -> str:
        return "who is told about alerts"

    @property
    def manner(self) -> Manner:
        """How people want to be told, as plain values."""
        return Manner(self.lowest, self.digest_minutes, self.quiet_from, self.quiet_until, self.zone)


class Purpose(models.TextChoices):
    ALERTS = "alerts", "Alerts"
    TEST = "test", "Test"
    VERIFY = "verify", "Verification"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    GIVEN_UP = "given_up", "Given up"
    FOLDED = "folded", "Sent with another"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> Self:
        """What is to be sent now and no worker holds, the longest due first."""
        free = Q(leased_until=None) | Q(leased_until__lt=now)
        return self.filter(free, state=DeliveryState.WAITING, due_at__lte=now).order_by("due_at", "id")


class Delivery(models.Model):
    """One row is one message to one mail address or channel: leased, sent, marked. `tries` grows with each lease."""

    purpose = models.CharField(max_length=8, choices=Purpose, default=Purpose.ALERTS)
    channel = models.ForeignKey(Channel, null=True, on_delete=models.CASCADE, related_name="deliveries")
    address = models.EmailField(max_length=254, default="", blank=True)
    announcements: "models.ManyToManyField[Announcement, DeliveryItem]" = models.ManyToManyField(
        Announcement, through="DeliveryItem", related_name="deliveries"
    )
    message_id = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="the same for every try: receivers dedupe by it"
    )
    state = models.CharField(max_length=8, choices=DeliveryState, default=DeliveryState.WAITING)
    made_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    was_interrupted = models.BooleanField(
        default=False, db_default=False, help_text="a worker ended while it sent this, so it may have arrived before"
    )
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True, help_text="why the last try failed, for people")
    folded_into = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="folded")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(channel=None) ^ Q(address=""), name="delivery_has_one_receiver"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | ~Q(state="sent"), name="delivery_sent_at_some_time"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(F("id").desc(), name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} to {self.channel or self.address}"


class DeliveryItem(models.Model):
    """One row is one announcement in one message: the database tells nobody the same thing twice."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="items")
    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="items")
    channel = models.ForeignKey(Channel, null=True, on_delete=models.CASCADE, related_name="+")
    address = models.EmailField(max_length=254, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["announcement", "channel", "address"], nulls_distinct=False, name="told_once"
            )
        ]

    def __str__(self) -> str:
        return f"announcement {self.announcement_id} in delivery {self.delivery_id}"
