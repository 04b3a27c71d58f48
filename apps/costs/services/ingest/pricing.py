"""The third step of ingest: what each record cost, from the rate book in memory, at the time it happened."""

from collections.abc import Iterable
from datetime import UTC, datetime

from apps.costs.domain import pricing
from apps.costs.domain.kinds import CostSource
from apps.costs.domain.usage import Usage, other_tokens
from apps.costs.selectors.rate_book import RateBook
from apps.costs.services.ingest.reading import Row

# Plain integers: an enumeration costs a look-up at every record.
UNPRICED, PRICE, PROVIDER, CACHE_HIT, FREE = (int(source) for source in CostSource)


def price(rows: Iterable[Row], book: RateBook, *, has_media: bool) -> None:
    """Price every record of a batch; `has_media` says whether any may have audio, image or video tokens."""
    lookup = book.lookup
    for row in rows:
        usage, place = row.usage, row.place
        if has_media:
            row.other = other_tokens(usage)
        listed = None
        if not place.is_tool:
            moment = row.occurred_at
            match = lookup(place.provider, place.model, moment)
            if match is None:
                row.price_id, row.assumed = None, 0
            else:
                row.price_id = match.price_id
                listed, row.assumed = match.card.charge(
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
                    moment.hour * 60 + moment.minute if moment.tzinfo is UTC else _minute_of_day(moment),
                    usage.calls,
                )
            row.price_cost = listed
        if usage.cache_hit or usage.cost_usd is not None or place.is_tool:
            row.cost, row.cost_source = _told_otherwise(usage)
        else:
            row.cost, row.cost_source = listed, UNPRICED if listed is None else PRICE


def _minute_of_day(moment: datetime) -> int:
    moment = moment.astimezone(UTC)
    return moment.hour * 60 + moment.minute


def _told_otherwise(usage: Usage) -> tuple[int, int]:
    """The cost of a record that no price decides, and why."""
    if usage.cache_hit:
        return 0, CACHE_HIT
    if usage.cost_usd is not None:
        return pricing.femto_of(usage.cost_usd), PROVIDER
    return 0, FREE
