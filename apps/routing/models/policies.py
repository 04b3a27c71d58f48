"""Policies as versions: a draft may be changed until it is published; a published one never is again."""

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now


class PolicyQuerySet(models.QuerySet["PolicyVersion"]):
    def published(self) -> Self:
        """Published versions, newest first."""
        return self.filter(version__isnull=False).order_by("-version")

    def drafts(self) -> Self:
        """Drafts, newest first."""
        return self.standing().filter(version__isnull=True).order_by("-id")

    def standing(self) -> Self:
        """Drafts and versions, without drafts that were discarded."""
        return self.filter(discarded_at=None)

    def discarded(self) -> Self:
        """Drafts that may be brought back, the one that was discarded last first."""
        return self.filter(discarded_at__isnull=False).order_by("-discarded_at", "-id")


class PolicyVersion(models.Model):
    """One row is one policy document: a draft, or, once it has a version number, what agents obeyed from then on.

    The database refuses to change or delete a published row.
    """

    id = models.AutoField(primary_key=True)
    version = models.PositiveIntegerField(null=True, unique=True, help_text="null: a draft")
    document = models.JSONField(help_text="as in domain/policy.py")
    note = models.TextField(blank=True, default="")
    based_on = models.PositiveIntegerField(null=True, help_text="the version a draft was made from")
    made_by = models.TextField()
    made_at = models.DateTimeField(db_default=Now())
    published_by = models.TextField(blank=True, default="")
    published_at = models.DateTimeField(null=True)
    discarded_at = models.DateTimeField(null=True, help_text="a draft that nobody sees but who brings it back")

    objects: ClassVar[PolicyQuerySet] = PolicyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(version=None, published_at=None)
                | models.Q(version__isnull=False, published_at__isnull=False),
                name="policy_published_or_draft",
            ),
            models.CheckConstraint(
                condition=models.Q(version=None) | models.Q(discarded_at=None), name="policy_discarded_is_draft"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}" if self.version else f"draft {self.pk}"


class RoutingState(models.Model):
    """The one row: the version in force, and a number that rises with whatever changes what agents are told."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.PositiveIntegerField(null=True)
    generation = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="routing_state_is_one_row")]

    def __str__(self) -> str:
        return f"version {self.version}, generation {self.generation}"
