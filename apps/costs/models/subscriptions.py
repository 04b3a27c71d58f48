"""Flat-fee providers and subscriptions: while one runs, its models cost 0 a call."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from apps.costs.models.price_book import Provider


class FeeEvery(models.TextChoices):
    MONTH = "month", "Month"
    YEAR = "year", "Year"


class Subscription(models.Model):
    """One row is one flat fee that is paid to a provider, and the models whose calls it covers."""

    id = models.AutoField(primary_key=True)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="subscriptions")
    name = models.CharField(max_length=128)
    fee_usd = models.DecimalField(max_digits=30, decimal_places=15)
    every = models.CharField(max_length=5, choices=FeeEvery)
    first_day = models.DateField()
    last_day = models.DateField(null=True, help_text="included; NULL: no end")
    zone = models.TextField(help_text="where its days begin and end")
    model_ids = ArrayField(
        models.IntegerField(), default=list, help_text="models it covers; empty: all of the provider"
    )
    note = models.TextField(blank=True, default="")
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(fee_usd__gte=0), name="subscription_fee_not_negative"),
            models.CheckConstraint(
                condition=models.Q(last_day=None) | models.Q(last_day__gte=models.F("first_day")),
                name="subscription_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.provider_id})"
