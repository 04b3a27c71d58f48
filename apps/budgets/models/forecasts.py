"""What budgets are expected to have spent when their periods end."""

from django.db import models

from apps.budgets.models.ledger import Counter
from apps.costs.models.rollups import usd


class StoredForecast(models.Model):
    """One row is the last forecast of one counter. `error` is a share of one, over `tests` past tests."""

    counter = models.OneToOneField(Counter, on_delete=models.CASCADE, primary_key=True, related_name="forecast")
    total = usd()
    low = usd()
    high = usd()
    error = models.DecimalField(max_digits=12, decimal_places=4)
    tests = models.PositiveIntegerField()
    runs_out_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.counter_id} {self.total}"
