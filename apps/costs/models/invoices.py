"""What providers billed, to be compared with what was counted."""

from django.db import models
from django.db.models.functions import Now

from apps.costs.domain.invoicing import Billed


class InvoiceLine(models.Model):
    """One row is what a provider billed for some days, for one model or (model "") for all of them.

    A deleted row stays, so that deleting can be undone. `version` rises with every change.
    """

    id = models.AutoField(primary_key=True)
    provider = models.CharField(max_length=128, help_text="the canonical id")
    model = models.CharField(max_length=128, blank=True, default="", help_text="as in usage; empty: all models")
    first_day = models.DateField()
    last_day = models.DateField(help_text="included")
    zone = models.CharField(max_length=64, default="UTC", help_text="the zone of the provider's bill")
    amount_usd = models.DecimalField(max_digits=30, decimal_places=15)
    note = models.TextField(blank=True, default="", help_text="where the amount comes from")
    version = models.IntegerField(default=1)
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["provider", "first_day"], name="invoice_line_of_provider")]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_usd__gte=0), name="invoice_amount_not_negative"),
            models.CheckConstraint(
                condition=models.Q(last_day__gte=models.F("first_day")), name="invoice_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}{'/' + self.model if self.model else ''} from {self.first_day} to {self.last_day}"

    def billed(self) -> Billed:
        """The row as arithmetic takes it."""
        return Billed(self.provider, self.model, self.first_day, self.last_day, self.zone, self.amount_usd, self.note)
