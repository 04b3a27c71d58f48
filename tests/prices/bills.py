"""Billed lines for tests of what is done with them."""

from datetime import date
from decimal import Decimal

from django.utils import timezone

from apps.costs.models import InvoiceLine

BILL = {
    "provider": "openai",
    "model": "",
    "first_day": "2026-10-01",
    "last_day": "2026-10-31",
    "zone": "UTC",
    "amount_usd": "412.80",
    "note": "INV-7",
}
CSV = "provider,first_day,last_day,amount_usd\nopenai,2026-09-01,2026-09-30,12.50\n"


def line(*, deleted: bool = False) -> int:
    """The id of a line of October at openai."""
    made = InvoiceLine.objects.create(
        provider="openai",
        first_day=date(2026, 10, 1),
        last_day=date(2026, 10, 31),
        amount_usd=Decimal("10"),
        created_by="tests",
        deleted_at=timezone.now() if deleted else None,
    )
    return made.pk
