"""A rate of another currency for tests."""

from datetime import date
from decimal import Decimal

from apps.costs.services.reporting import add_rate, delete_rate
from tests.usage import REPORTER


def rate(*, deleted: bool = False) -> int:
    """Its id."""
    one = add_rate(caller=REPORTER, currency="EUR", first_day=date(2026, 11, 1), per_dollar=Decimal("0.92"))
    if deleted:
        delete_rate(caller=REPORTER, rate_id=one.pk)
    return one.pk
