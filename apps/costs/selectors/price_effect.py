"""What a change of prices would do to real usage: the calls of the last 30 days, priced by both books."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.kinds import CostSource, ServiceTier
from apps.costs.domain.pricing import usd
from apps.costs.domain.rate_book import Match, RateBook
from apps.costs.models import UsedModel
from apps.costs.selectors import metrics
from apps.costs.selectors.price_table import LATELY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_TIERS = {int(tier): tier.name.lower() for tier in ServiceTier}
Sent = tuple[str, str]
"""Canonical provider and model name as calls were sent with."""


@dataclass(slots=True)
class Effect:
    """The calls of the last 30 days at the prices before and after, in femto-dollars while it is added up.

    `records` were priced again one by one; `is_whole` is false when there are more of them than may be looked at, and
    then they are the newest. `reported` of them carry a cost their provider reported, which no price changes.
    """

    records: int = 0
    calls: int = 0
    reported: int = 0
    is_whole: bool = True
    unpriced_before: int = 0
    unpriced_after: int = 0
    before: int = 0
    after: int = 0
    models: set[Sent] = field(default_factory=set)

    @property
    def before_usd(self) -> Decimal:
        """What they cost at the prices that hold without the change."""
        return usd(self.before)

    @property
    def after_usd(self) -> Decimal:
        """What they would cost with it."""
        return usd(self.after)

    @property
    def change_usd(self) -> Decimal:
        """The difference."""
        return usd(self.after - self.before)


def effect(
    before: RateBook, after: RateBook, *, at: datetime, now: datetime, project_ids: frozenset[int] | None
) -> Effect:
    """Price the last 30 days' calls of every model whose price at an instant differs between two books.

    Exact: each stored record is priced by both cards. At most PRICE_PREVIEW_RECORDS, the newest, are looked at.
    """
    end = now - (now - _EPOCH) % QUARTER_HOUR + QUARTER_HOUR
    sent = affected(before, after, at=at, start=end - LATELY, end=end, project_ids=project_ids)
    found = Effect(models=set(sent))
    cards = {one: (before.lookup(*one, at), after.lookup(*one, at)) for one in sent}
    limit = settings.PRICE_PREVIEW_RECORDS
    for number, (one, row) in enumerate(_records(list(sent), end - LATELY, end, project_ids, limit + 1)):
        if number == limit:
            found.is_whole = False
            break
        _add(found, cards[one], row)
    return found


def seen_at(start: datetime | None, end: datetime | None, now: datetime) -> datetime:
    """When to look at what holds in [start, end): now, or at its start where that is to come or all is over."""
    holds_now = (start is None or start <= now) and (end is None or now < end)
    return now if holds_now or start is None else start


def affected(
    before: RateBook,
    after: RateBook,
    *,
    at: datetime,
    start: datetime | None,
    end: datetime,
    project_ids: frozenset[int] | None,
) -> dict[Sent, int]:
    """Calls in [start, end) by the names they were sent with, of models whose price at an instant differs."""
    query = metrics.UsageQuery(start or _FIRST, end, project_ids=project_ids)
    rows = metrics.grouped(query, ("provider", "model"), edges=()) if query.start < end else []
    return {
        (provider, name): row.totals.calls
        for row in rows
        for provider, name in [row.values]
        if name and _price_id(before.lookup(provider, name, at)) != _price_id(after.lookup(provider, name, at))
    }


def _price_id(match: Match | None) -> int | None:
    return match.price_id if match else None


_COUNTS = """r.input_tokens, r.output_tokens, r.cache_read_input_tokens, r.cache_creation_input_tokens,
    r.cache_creation_1h_input_tokens, r.reasoning_output_tokens, r.other_tokens, r.web_searches, r.requests,
    r.service_tier, r.occurred_at, r.calls"""


def _records(
    sent: Sequence[Sent], start: datetime, end: datetime, project_ids: frozenset[int] | None, limit: int
) -> Iterator[tuple[Sent, Sequence[Any]]]:
    if not sent:
        return
    names = UsedModel.objects.filter(name__in={name for _, name in sent}).values_list("id", "provider", "name")
    ids = {id: (provider, name) for id, provider, name in names if (provider, name) in set(sent)}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT c.model_id, r.cost_source, {_COUNTS} FROM costs_usagerecord r
            JOIN costs_cell c ON c.id = r.cell_id JOIN access_project p ON p.id = r.project_id
            WHERE r.occurred_at >= %s AND r.occurred_at < %s AND c.model_id = ANY(%s) AND NOT p.is_demo
                AND (%s::bigint[] IS NULL OR p.id = ANY(%s)) AND r.cost_source = ANY(%s)
            ORDER BY r.occurred_at DESC LIMIT %s
            """,
            [
                start, end, list(ids), *([list(project_ids) if project_ids is not None else None] * 2),
                [int(CostSource.UNPRICED), int(CostSource.PRICE), int(CostSource.PROVIDER)], limit,
            ],
        )  # fmt: skip
        yield from ((ids[row[0]], row[1:]) for row in cursor.fetchall())


def _add(found: Effect, cards: tuple[Match | None, Match | None], row: Sequence[Any]) -> None:
    source, *counts, tier, moment, calls = row
    if source == CostSource.PROVIDER:
        found.reported += 1
        return
    found.records += 1
    found.calls += calls
    minute = moment.astimezone(UTC).hour * 60 + moment.astimezone(UTC).minute
    before, after = (_charge(match, counts, _TIERS[tier], minute, calls) for match in cards)
    found.before += before or 0
    found.after += after or 0
    found.unpriced_before += calls if before is None else 0
    found.unpriced_after += calls if after is None else 0


def _charge(match: Match | None, counts: Sequence[Any], tier: str, minute: int, calls: int) -> int | None:
    if match is None:
        return None
    read, written, cached, made, made_1h, reasoned, other, searches, requests = counts
    parts = json.loads(other) if other else None
    return match.card.charge(
        read, written, cached, made, made_1h, reasoned, parts, searches, requests, tier, minute, calls
    )[0]
