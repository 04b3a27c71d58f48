"""How the organisation reads its numbers: zone, week, and a currency beside US dollars."""

from django.db import models
from django.db.models.functions import Now


class ReportingSettings(models.Model):
    """At most one row. Until it is written, the environment says what holds."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    zone = models.CharField(max_length=64)
    week_start = models.SmallIntegerField(help_text="the first day of the week, Monday is 0")
    currency = models.CharField(max_length=3, help_text="shown beside US dollars; USD: nothing is")
    version = models.IntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="reporting_settings_is_one_row"),
            models.CheckConstraint(condition=models.Q(week_start__range=(0, 6)), name="week_starts_on_a_day"),
        ]

    def __str__(self) -> str:
        return self.zone


class CurrencyRate(models.Model):
    """One row: what a US dollar is worth from a day on, as somebody typed it. A deleted row stays, to be put back."""

    id = models.AutoField(primary_key=True)
    currency = models.CharField(max_length=3)
    first_day = models.DateField(help_text="in the reporting zone; until the next rate of the currency")
    per_dollar = models.DecimalField(max_digits=20, decimal_places=10)
    note = models.TextField(blank=True, default="", help_text="where the rate comes from")
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["currency", "first_day"], condition=models.Q(deleted_at=None), name="one_rate_a_day"
            ),
            models.CheckConstraint(condition=models.Q(per_dollar__gt=0), name="rates_are_positive"),
        ]

    def __str__(self) -> str:
        return f"1 USD = {self.per_dollar.normalize():f} {self.currency} from {self.first_day}"
