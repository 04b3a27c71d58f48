"""What ingest would make of records, without writing anything: for dry runs."""

from collections.abc import Sequence
from typing import Any

import msgspec

from apps.access.selectors.places import project_id_of
from apps.costs.domain import pricing
from apps.costs.domain import usage as records
from apps.costs.domain.kinds import Operation
from apps.costs.domain.rate_book import RateBook
from apps.costs.domain.usage import FieldError, Usage
from apps.costs.selectors.imports import stored_ids
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.services.ingest import Outcome


def previewed(items: Sequence[dict[str, Any]], *, project: str) -> list[Outcome]:
    """The outcome each record would have. Caps of projects and agents are not looked at, nor are changed bodies."""
    project_id = project_id_of(project)
    known = stored_ids([item["id"] for item in items], project_id=project_id) if project_id else set()
    book = current_rate_book()
    return [_outcome(index, item, item["id"] in known, book) for index, item in enumerate(items)]


def _outcome(index: int, item: dict[str, Any], is_known: bool, book: RateBook) -> Outcome:
    try:
        usage = records.parse(item)
        errors = records.rule_errors(usage)
    except msgspec.ValidationError as error:
        errors = records.field_errors(item) or [FieldError("", "type", f"{error}.")]
    if errors:
        return Outcome(index, item["id"], "rejected", errors=errors)
    if is_known:
        return Outcome(index, item["id"], "duplicate")
    return Outcome(index, item["id"], "accepted", _cost(usage, book))


def _cost(usage: Usage, book: RateBook) -> int | None:
    if usage.cache_hit:
        return 0
    if usage.cost_usd is not None:
        return pricing.femto_of(usage.cost_usd)
    if usage.operation == Operation.EXECUTE_TOOL:
        return 0
    assert usage.occurred_at
    match = book.lookup(usage.provider or "", usage.model or "", usage.occurred_at)
    if match is None:
        return None
    femto_usd, _ = match.card.charge(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_creation_1h_input_tokens,
        usage.reasoning_output_tokens,
        records.other_tokens(usage),
        usage.web_searches,
        usage.requests,
        usage.service_tier,
        usage.occurred_at.hour * 60 + usage.occurred_at.minute,
        usage.calls,
    )
    return femto_usd
