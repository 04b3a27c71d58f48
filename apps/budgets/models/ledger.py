"""The ledger: every amount is a row, and a counter is the sum of its rows."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from apps.budgets.models.budgets import Budget
from apps.costs.models.rollups import usd


class Counter(models.Model):
    """One row is one period of a budget, for one value of its `each`; opened at first use.

    A call may be reserved while carried + spent + reserved + its amount <= ceiling. `carried` is what the days before
    leave in the window of a rolling budget, else 0. `limit`, `raised` and `ceiling` are kept here so that one
    conditional UPDATE of this row decides; `in_force` are the keys of the thresholds that hold. `waited_at` is when a
    statement last had to wait for the row.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, db_index=False, related_name="counters")
    each_value = models.TextField(default="", blank=True)
    label = models.TextField(default="", blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField(null=True)
    limit = usd()
    raised = usd()
    ceiling = models.DecimalField(max_digits=38, decimal_places=15, null=True)
    spent = usd()
    reserved = usd()
    carried = usd()
    unpriced_calls = models.BigIntegerField(default=0)
    in_force = ArrayField(models.TextField(), default=list)
    opened_at = models.DateTimeField(db_default=Now())
    waited_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "each_value", "period_start"], name="counter_period_once")
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.each_value} {self.period_start:%Y-%m-%d}"


class EntryKind(models.IntegerChoices):
    RESERVE = 1
    SETTLE = 2
    RELEASE = 3
    EXPIRE = 4
    ADJUST = 5


class Entry(models.Model):
    """One row is one movement of one counter: what it added to spent and to reserved.

    A batch of usage is one row a counter. In the database the key is counter and id, the order in which it is read; ids
    are drawn from one sequence. There is no foreign key there: checking it would lock the counter for longer, and
    entries are only made by what has just changed the counter.
    """

    counter = models.ForeignKey(
        Counter, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="entries"
    )
    kind = models.SmallIntegerField(choices=EntryKind.choices)
    spent = usd()
    reserved = usd()
    unpriced_calls = models.BigIntegerField(default=0)
    reservation_id = models.BigIntegerField(null=True)
    made_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{EntryKind(self.kind).name} {self.spent} {self.reserved}"
