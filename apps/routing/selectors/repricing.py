"""What sums of tokens cost at another model or service tier, at the list price of an instant."""

from datetime import datetime

from apps.costs.domain.rate_book import RateBook
from apps.costs.selectors import metrics
from apps.routing.domain.policy import ModelKey


def repriced(
    book: RateBook, model: ModelKey, used: metrics.Totals, now: datetime, *, service_tier: str = "standard"
) -> int | None:
    """Femto-dollars; None where the book has no price for these tokens. Long-context tiers go by the average call."""
    match = book.lookup(*model, now)
    if match is None:
        return None
    return match.card.charge(
        used.input_tokens,
        used.output_tokens,
        cache_read=used.cache_read_input_tokens,
        cache_creation=used.cache_creation_input_tokens,
        reasoning=used.reasoning_output_tokens,
        requests=used.calls,
        service_tier=service_tier,
        minute_of_day=now.hour * 60 + now.minute,
        calls=max(1, used.calls),
    )[0]
