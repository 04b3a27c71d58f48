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
    ends; 0 in a child. `freed` is what its last settlement took out of `left`.

    Settling changes no column that an index has, so that the row stays in its page and no index grows.
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
    freed = models.DecimalField(max_digits=38, decimal_places=15, null=True)
    state = models.SmallIntegerField(choices=ReservationState.choices, default=ReservationState.OPEN)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project_id", "public_id"], name="reservation_id_once_per_project"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="reservation_expires")]

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
