"""What a fleet of agents spends by the hour, priced by the price book: without a database of usage."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from apps.costs.domain import pricing
from apps.costs.domain.fleet import Fleet, Record, day_of
from apps.costs.domain.kinds import Operation
from apps.costs.selectors.rate_book import rate_book

HOURS = 24


def hours_of(fleet: Fleet, first: date, days: int) -> list[Decimal]:
    """Spend in each UTC hour of so many days from the first on; what runs over into the day after is left out."""
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
    femto = [0] * (days * HOURS)
    for number in range(days):
        for record in day_of(fleet, first + timedelta(days=number)):
            hour = (datetime.fromisoformat(record["occurred_at"]) - begins) // timedelta(hours=1)
            if hour < len(femto):
                femto[hour] += _cost(record)
    return [pricing.usd(amount) for amount in femto]


def _cost(record: Record) -> int:
    if record.get("operation") == Operation.EXECUTE_TOOL:
        return 0
    at = datetime.fromisoformat(record["occurred_at"])
    match = rate_book().lookup(record["provider"], record["model"], at)
    if match is None:
        return 0
    cost, _ = match.card.charge(
        record["input_tokens"],
        record["output_tokens"],
        record.get("cache_read_input_tokens", 0),
        record.get("cache_creation_input_tokens", 0),
        0,
        record.get("reasoning_output_tokens", 0),
        service_tier=record.get("service_tier", "standard"),
        minute_of_day=at.hour * 60 + at.minute,
    )
    return cost or 0


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts."""
    return sum(amounts, Decimal(0))
