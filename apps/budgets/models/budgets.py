"""Budgets as people set them, and for how long they were raised."""

from django.db import models
from django.utils.timezone import now

from apps.access.models import Project
from apps.budgets.domain.cycles import Cycle, Period
from apps.budgets.domain.scopes import scope_words
from apps.budgets.domain.states import Unit
from apps.budgets.domain.thresholds import Threshold, kept
from apps.costs.models.rollups import usd

MAX_NAME = 128


class BudgetQuerySet(models.QuerySet["Budget"]):
    def standing(self) -> "BudgetQuerySet":
        """Those that are not deleted."""
        return self.filter(deleted_at=None)


class Budget(models.Model):
    """One row is one budget. Changes raise `BudgetsVersion`, by a trigger; what they mean for counters, services do.

    `project` is the one its scope names, by which people limited to projects see it. Before `counted_since` nothing
    counts. `origin` names what keeps the budget in step, such as a routing policy; "" for those of people.
    """

    name = models.CharField(max_length=MAX_NAME)
    scope = models.JSONField(default=dict)
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="budgets")
    each = models.CharField(max_length=16, default="", blank=True)
    unit = models.CharField(max_length=8, default=Unit.USD)
    limit = usd()
    period = models.CharField(max_length=16)
    rolling_days = models.PositiveSmallIntegerField(default=0)
    week_start = models.PositiveSmallIntegerField(default=0)
    fiscal_start = models.PositiveSmallIntegerField(default=1)
    timezone = models.CharField(max_length=64, default="UTC")
    counts_from = models.CharField(max_length=16, default="period_start")
    counted_since = models.DateTimeField(null=True)
    thresholds = models.JSONField(default=list)
    recipients = models.JSONField(default=list)
    exempt = models.JSONField(default=list)
    grace_percent = models.DecimalField(max_digits=6, decimal_places=2, default=0)
    origin = models.CharField(max_length=64, default="", blank=True)
    paused_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    recounted_at = models.DateTimeField(null=True)
    created_by = models.TextField(default="")
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)
    version = models.PositiveIntegerField(default=1)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(limit__gt=0), name="budget_limit_over_nothing"),
            models.CheckConstraint(condition=models.Q(unit__in=list(Unit.ALL)), name="budget_unit_known"),
            models.CheckConstraint(
                condition=models.Q(period__in=[period.value for period in Period]), name="budget_period_known"
            ),
            models.UniqueConstraint(
                fields=["origin"], condition=~models.Q(origin="") & models.Q(deleted_at=None), name="budget_origin_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def cycle(self) -> Cycle:
        """How its periods follow each other."""
        return Cycle(Period(self.period), self.timezone, self.week_start, self.fiscal_start, self.rolling_days)

    @property
    def levels(self) -> list[Threshold]:
        """Its thresholds, lowest first."""
        return kept(self.thresholds)

    @property
    def scope_words(self) -> str:
        """What it covers, for people."""
        return scope_words(self.scope)


class TemporaryRaise(models.Model):
    """One row raises one budget by an amount, in the periods that start in [starts_at, ends_at)."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="raises")
    amount = usd()
    periods = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, default="", blank=True)
    created_by = models.TextField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(amount__gt=0), name="raise_over_nothing")]

    def __str__(self) -> str:
        return f"{self.budget_id} by {self.amount}"


class BudgetsVersion(models.Model):
    """One row, raised by a trigger whenever a budget or a raise changes: what tells caches to read again.

    `expired_until` is where the sweep of reservations begins: what expired before has ended; null looks at all.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)
    expired_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="budgets_version_is_one_row")]

    def __str__(self) -> str:
        return str(self.version)
