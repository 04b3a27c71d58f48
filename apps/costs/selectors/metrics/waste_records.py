"""What single records say of waste: which attempt followed which, and what a prompt cache could have answered.

Each record is judged by itself and by those shortly before it, never by the ends of a question: so sums of any two
neighbouring times add up to those of both, and days can be kept as sums (services/waste_folding.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.domain import pricing
from apps.costs.domain.kinds import CostSource, ServiceTier, Status
from apps.costs.domain.wasting import WasteTotals
from apps.costs.models import Price
from apps.costs.selectors import recount
from apps.costs.selectors.metrics import from_records
from apps.costs.selectors.metrics.filters import conditions
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.rate_book import rate_book, rates_of

ATTEMPTS_WITHIN = timedelta(hours=1)
"""Attempts of one request are looked for so long before each other."""
SAME_PROMPT = ("project", "agent", "provider", "model", "role", "task_type")
"""Calls of one conversation that agree in these are taken to extend one another's prompt."""
_TIERS = {int(tier): tier.name.lower() for tier in ServiceTier}
_NOT_WASTED = f"c.status NOT IN ({int(Status.ERROR)}, {int(Status.CANCELLED)})"
Place = tuple[Any, ...]
"""The values of the keys."""
Found = list[tuple[Place, WasteTotals]]


@dataclass(frozen=True, slots=True)
class Keys:
    """What records are grouped by: SQL over a record r and its cell c, and its parameters."""

    columns: Sequence[str]
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def listed(self) -> str:
        """The columns, as a select list has them."""
        return ", ".join(self.columns)


def reach() -> timedelta:
    """How long before a record others may lie that change what it wasted."""
    return max(ATTEMPTS_WITHIN, timedelta(seconds=settings.PROMPT_CACHE_SECONDS))


_COUNTS = """r.input_tokens, r.output_tokens, r.cache_read_input_tokens, r.cache_creation_input_tokens,
    r.cache_creation_1h_input_tokens, r.reasoning_output_tokens, r.other_tokens, r.web_searches, r.requests"""
_OWN_ORDER = "r.attempt, r.occurred_at, r.usage_id"
_THEIR_ORDER = "b.attempt, b.occurred_at, b.usage_id"
_THEIR_ORDER_BACK = "b.attempt DESC, b.occurred_at DESC, b.usage_id DESC"


def repeated(query: UsageQuery, keys: Keys, *, most: int | None = None) -> Found:
    """Attempts after the first: retries, failovers, and what another model than the first one cost more.

    Raises BadQuery for more than `most` of them.
    """
    where, parameters = from_records.conditions_on_records(query)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH wanted AS (
                SELECT DISTINCT r.project_id, r.request_id
                FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
                WHERE {where} AND r.attempt > 1 AND r.request_id IS NOT NULL AND r.calls = 1
            ), tried AS MATERIALIZED (
                SELECT r.*, c.model_id
                FROM wanted JOIN costs_usagerecord r USING (project_id, request_id)
                JOIN costs_cell c ON c.id = r.cell_id
                WHERE r.occurred_at >= %(attempts_from)s AND r.occurred_at < %(records_until)s AND c.model_id <> 0
                    AND r.calls = 1
            )
            SELECT {keys.listed}, before.model_last = c.model_id, {_NOT_WASTED} AND before.model_first <> c.model_id,
                m.provider, m.name, r.occurred_at, r.service_tier, r.cost_usd, {_COUNTS}
            FROM tried r JOIN costs_cell c ON c.id = r.cell_id
            CROSS JOIN LATERAL (
                SELECT (array_agg(b.model_id ORDER BY {_THEIR_ORDER}))[1] AS model_first,
                    (array_agg(b.model_id ORDER BY {_THEIR_ORDER_BACK}))[1] AS model_last
                FROM tried b WHERE b.project_id = r.project_id AND b.request_id = r.request_id
                    AND ({_THEIR_ORDER}) < ({_OWN_ORDER}) AND b.occurred_at <= r.occurred_at
                    AND b.occurred_at >= r.occurred_at - %(within)s::interval
            ) before
            JOIN costs_usedmodel m ON m.id = before.model_first
            WHERE {where} AND r.attempt > 1 LIMIT %(most)s
            """,
            {
                **parameters,
                **keys.parameters,
                "attempts_from": _earlier(query.start, ATTEMPTS_WITHIN),
                "within": f"{ATTEMPTS_WITHIN // timedelta(seconds=1)} seconds",
                "most": None if most is None else most + 1,
            },
        )
        found = cursor.fetchall()
    if most is not None and len(found) > most:
        raise BadQuery("from", f"More than {most:,} attempts were repeated in this time. Choose a shorter period.")
    width = len(keys.columns)
    return [(row[:width], _repeat(*row[width:])) for row in found]


def _repeat(
    is_retry: bool, is_surcharged: bool, provider: str, model: str, at: datetime, tier: int, cost: Decimal | None,
    *counts: Any,
) -> WasteTotals:  # fmt: skip
    surcharge = Decimal(0)
    if is_surcharged and cost is not None:
        instead = _price_at(provider, model, at, tier, counts)
        surcharge = max(surcharge, cost - instead) if instead is not None else surcharge
    return WasteTotals(retries=int(is_retry), failovers=int(not is_retry), failover_usd=surcharge)


def _price_at(provider: str, model: str, at: datetime, tier: int, counts: Sequence[Any]) -> Decimal | None:
    """What the same tokens would have cost with this model; None without a price."""
    match = rate_book().lookup(provider, model, at)
    if match is None:
        return None
    moment = at.astimezone(UTC)
    read, written, cached, made, made_1h, reasoned, other, searches, requests = counts
    parts = json.loads(other) if isinstance(other, str) else other
    femto, _ = match.card.charge(
        read, written, cached, made, made_1h, reasoned, parts, searches, requests, _TIERS[tier],
        moment.hour * 60 + moment.minute,
    )  # fmt: skip
    return None if femto is None else pricing.usd(femto)


_TURN = """r.project_id, r.occurred_at, r.cell_id, r.conversation_id, r.user_id, r.tool_id, r.key_id, r.error_type_id,
    r.tags, r.input_tokens, r.cache_read_input_tokens, r.cost_source, r.price_id, r.service_tier, r.attempt"""
_MISSED = "LEAST(r.tokens_before, r.input_tokens) - r.cache_read_input_tokens"


def missed(query: UsageQuery, keys: Keys) -> Found:
    """Input that the call before had sent already, and that the prompt cache did not answer."""
    where, parameters = from_records.conditions_on_records(query)
    same = {name: values for name, values in query.filters.items() if name in SAME_PROMPT}
    inside, _ = conditions(replace(query, filters=same)).where("c")
    kept = timedelta(seconds=settings.PROMPT_CACHE_SECONDS)
    parameters |= keys.parameters | recount.parameters()
    parameters |= {"turns_from": _earlier(query.start, kept), "least": settings.PROMPT_CACHE_LEAST_TOKENS}
    width = len(keys.columns)
    columns = ", ".join(f"{sql} AS key{number}" for number, sql in enumerate(keys.columns))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH turns AS (
                SELECT {_TURN}, lag(r.input_tokens) OVER turn AS tokens_before,
                    lag(r.occurred_at) OVER turn AS at_before
                FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
                WHERE {inside} AND r.project_id = ANY(%(projects)s) AND r.occurred_at >= %(turns_from)s
                    AND r.occurred_at < %(records_until)s AND r.conversation_id IS NOT NULL AND r.calls = 1
                    AND r.operation_id <> %(execute_tool)s
                WINDOW turn AS (
                    PARTITION BY r.project_id, r.conversation_id, c.agent_id, c.model_id, c.role_id, c.task_type_id
                    ORDER BY r.occurred_at, r.usage_id
                )
            ), missed AS MATERIALIZED (
                SELECT {columns}, r.price_id, r.service_tier, {_MISSED} AS tokens
                FROM turns r JOIN costs_cell c ON c.id = r.cell_id
                WHERE {where} AND {_NOT_WASTED} AND r.attempt = 1 AND r.cost_source = {int(CostSource.PRICE)}
                    AND r.tokens_before >= %(least)s AND r.occurred_at - r.at_before <= %(kept)s::interval
                    AND {_MISSED} > 0
            ), tiered AS MATERIALIZED (
                SELECT p.id FROM costs_price p
                WHERE p.id IN (SELECT DISTINCT price_id FROM missed) AND (
                    p.tiers <> '{{}}' OR p.service_tiers::text LIKE %(above)s OR p.windows::text LIKE %(above)s)
            )
            -- A price by size depends on each call; any other is the same for the sum of many.
            SELECT {"".join(f"key{number}, " for number in range(width))}price_id, service_tier,
                CASE WHEN price_id IN (SELECT id FROM tiered) THEN tokens END AS size, count(*), bursar_total(tokens)
            FROM missed GROUP BY {", ".join(str(number + 1) for number in range(width + 3))}
            """,
            {**parameters, "kept": f"{settings.PROMPT_CACHE_SECONDS} seconds", "above": '%"above"%'},
        )
        found = cursor.fetchall()
    cards = _cards({row[width] for row in found})
    rows = [(row[:width], _miss(cards.get(row[width]), row[width + 1], *row[width + 3 :])) for row in found]
    return [(place, one) for place, one in rows if one.missed_usd]


def _cards(prices: set[int]) -> dict[int, pricing.RateCard]:
    return {price.pk: pricing.RateCard(rates_of(price)) for price in Price.objects.filter(pk__in=prices)}


def _miss(card: pricing.RateCard | None, tier: int, calls: int, tokens: int) -> WasteTotals:
    """What these tokens cost more as input than as a cache read; nothing where the model sells no cache reads."""
    if card is None:
        return WasteTotals()
    fresh, _ = card.charge(tokens, 0, service_tier=_TIERS[tier], calls=calls)
    cached, _ = card.charge(tokens, 0, tokens, service_tier=_TIERS[tier], calls=calls)
    if fresh is None or cached is None or fresh <= cached:
        return WasteTotals()
    return WasteTotals(missed_calls=calls, missed_tokens=tokens, missed_usd=pricing.usd(fresh - cached))


def _earlier(moment: datetime, by: timedelta) -> datetime:
    """So much earlier, where there is such a time."""
    try:
        return moment - by
    except OverflowError:
        return moment
