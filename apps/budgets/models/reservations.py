"""Amounts held for calls that are under way."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from apps.costs.models.rollups import usd


class ReservationState(models.IntegerChoices):
    OPEN = 0
    SETTLED = 1
    RELEASED = 2
    EXPIRED = 3


class Reservation(models.Model):
    """One row holds one amount in every budget that applied, or draws it from its parent's.

    `left` is what it still holds itself, in USD: less what was settled, and less what children drew. `counters` are
    those of the tree's root. `held` is beside each: null for a counter of USD, else what the root holds there until it
    ends; 0 in a child.
    """

    public_id = models.TextField()
    project_id = models.IntegerField()
    fingerprint = models.TextField()
    key_id = models.BigIntegerField(null=True)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="children"
    )
    counters = ArrayField(models.BigIntegerField(), default=list)
    held = ArrayField(models.DecimalField(max_digits=38, decimal_places=15, null=True), default=list)
    amount = usd()
    left = usd()
    settled = usd()
    state = models.SmallIntegerField(choices=ReservationState.choices, default=ReservationState.OPEN)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project_id", "public_id"], name="reservation_id_once_per_project"),
            models.CheckConstraint(condition=models.Q(left__gte=0), name="reservation_never_overdrawn"),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=models.Q(state=ReservationState.OPEN), name="reservation_due"
            ),
            models.Index(fields=["ended_at"], condition=models.Q(ended_at__isnull=False), name="reservation_ended"),
        ]

    def __str__(self) -> str:
        return self.public_id


class UnpricedHold(models.Model):
    """One row holds one unpriced call's highest cost in one counter, until the call is priced."""

    pk = models.CompositePrimaryKey("project_id", "usage_id", "counter_id")
    project_id = models.IntegerField()
    usage_id = models.TextField()
    counter_id = models.BigIntegerField()
    amount = usd()

    def __str__(self) -> str:
        return f"{self.usage_id} {self.amount}"
