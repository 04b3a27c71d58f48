"""The third step of ingest: what each record cost, from the rate book in memory, at the time it happened."""

from collections.abc import Iterable
from datetime import UTC, datetime

from apps.costs.domain import pricing
from apps.costs.domain.kinds import CostSource
from apps.costs.domain.usage import Usage, other_tokens
from apps.costs.selectors.rate_book import RateBook
from apps.costs.services.ingest.placing import Place
from apps.costs.services.ingest.reading import Row

# Plain integers: an enumeration costs a look-up at every record.
UNPRICED, PRICE, PROVIDER, CACHE_HIT, FREE = (int(source) for source in CostSource)


def price(rows: Iterable[Row], book: RateBook, *, has_media: bool) -> None:
    """Price every record of a batch; `has_media` says whether any may have audio, image or video tokens."""
    for row in rows:
        usage, place = row.usage, row.place
        row.input_tokens, row.output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
        if has_media:
            row.other = other_tokens(usage)
        if not place.is_tool:
            _look_up(row, usage, place, book)
        row.cost, row.cost_source = _cost(usage, place, row.price_cost)


def _look_up(row: Row, usage: Usage, place: Place, book: RateBook) -> None:
    match = book.lookup(place.provider, place.model, row.occurred_at)
    if match is None:
        row.price_cost = row.price_id = None
        row.assumed = 0
        return
    row.price_id = match.price_id
    row.price_cost, row.assumed = match.card.charge(
        row.input_tokens,
        row.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_creation_1h_input_tokens,
        usage.reasoning_output_tokens,
        row.other,
        usage.web_searches,
        usage.requests,
        usage.service_tier,
        _minute_of_day(row.occurred_at),
        usage.calls,
    )


def _minute_of_day(moment: datetime) -> int:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.hour * 60 + moment.minute


def _cost(usage: Usage, place: Place, listed: int | None) -> tuple[int | None, int]:
    if usage.cache_hit:
        return 0, CACHE_HIT
    if usage.cost_usd is not None:
        return pricing.femto_of(usage.cost_usd), PROVIDER
    if place.is_tool:
        return 0, FREE
    return listed, UNPRICED if listed is None else PRICE
