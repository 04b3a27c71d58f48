"""Money spent for nothing, by any dimensions: failed calls, failovers to a dearer model, prompt-cache misses.

What failed is in the rollups. Which attempt followed which, and what a cache could have answered, only the records
tell: they are read for few days at a time, and no longer than a statement may take.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.domain import pricing
from apps.costs.domain.kinds import CostSource, ServiceTier, Status
from apps.costs.domain.wasting import WasteTotals, waste_totals
from apps.costs.models import Price
from apps.costs.selectors import recount
from apps.costs.selectors.metrics import from_records
from apps.costs.selectors.metrics.filters import conditions
from apps.costs.selectors.metrics.naming import NO_TOP, Top, names_of
from apps.costs.selectors.metrics.questions import grouped
from apps.costs.selectors.metrics.shapes import BadQuery, UsageQuery
from apps.costs.selectors.rate_book import rate_book, rates_of

__all__ = ["WasteRow", "WasteTotals", "waste_by", "waste_totals"]

WASTED = ("error", "cancelled")
FAILED_SUMS = ("observed_calls", "cost_usd")
ATTEMPTS_WITHIN = timedelta(hours=1)
"""Attempts of one request are looked for so long before the period."""
SAME_PROMPT = ("project", "agent", "provider", "model", "role", "task_type")
"""Calls of one conversation that agree in these are taken to extend one another's prompt."""
_TIERS = {int(tier): tier.name.lower() for tier in ServiceTier}
_NOT_WASTED = f"c.status NOT IN ({int(Status.ERROR)}, {int(Status.CANCELLED)})"
Place = tuple[int, ...]
"""The number of the bucket, then the ids of the group values."""


@dataclass(frozen=True, slots=True)
class WasteRow:
    """The waste of one combination of group values, and of one bucket in a series."""

    values: tuple[str, ...]
    totals: WasteTotals
    bucket: datetime | None = None


def waste_by(
    query: UsageQuery,
    group_by: Sequence[str],
    *,
    edges: Sequence[datetime] = (),
    from_rollups: bool = False,
    top: Top = NO_TOP,
) -> list[WasteRow]:
    """The waste of a query, by dimensions, and by bucket when edges are given; `top` as of `grouped`.

    With `from_rollups` only what failed, for any length of time; else raises BadQuery for too long a time, or when
    reading took too long.
    """
    rows = _failed(query, group_by, edges, top)
    if not from_rollups:
        from_records.check(query)
        with from_records.bounded():
            rows += _repeated(query, group_by, edges, top)
        with from_records.bounded():
            rows += _missed(query, group_by, edges, top)
    parts: dict[tuple[Any, ...], list[WasteTotals]] = {}
    for row in rows:
        parts.setdefault((row.bucket, *row.values), []).append(row.totals)
    return [WasteRow(key[1:], waste_totals(found), key[0]) for key, found in parts.items()]


def _failed(query: UsageQuery, group_by: Sequence[str], edges: Sequence[datetime], top: Top) -> list[WasteRow]:
    names = list(group_by) if "status" in group_by else [*group_by, "status"]
    rows = []
    for row in grouped(query, names, edges=edges, whole=True, wanted=FAILED_SUMS, only=FAILED_SUMS, top=top):
        is_wasted, sums = row.values[names.index("status")] in WASTED, row.totals
        failed = WasteTotals(failed_calls=sums.calls, failed_usd=sums.cost_usd) if is_wasted else WasteTotals()
        rows.append(
            WasteRow(row.values[: len(group_by)], replace(failed, observed_calls=sums.observed_calls), row.bucket)
        )
    return rows


_COUNTS = """r.input_tokens, r.output_tokens, r.cache_read_input_tokens, r.cache_creation_input_tokens,
    r.cache_creation_1h_input_tokens, r.reasoning_output_tokens, r.other_tokens, r.web_searches, r.requests"""


def _repeated(query: UsageQuery, group_by: Sequence[str], edges: Sequence[datetime], top: Top) -> list[WasteRow]:
    """Attempts after the first: retries, failovers, and what another model than the first one cost more."""
    where, parameters = from_records.conditions_on_records(query)
    keys, more = _keys(group_by, edges)
    limit = settings.PRICE_PREVIEW_RECORDS
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH wanted AS (
                SELECT DISTINCT r.project_id, r.request_id
                FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id
                WHERE {where} AND r.attempt > 1 AND r.request_id IS NOT NULL AND r.calls = 1
            ), tried AS (
                SELECT r.*, lag(c.model_id) OVER attempts AS model_before,
                    first_value(c.model_id) OVER attempts AS model_first
                FROM wanted JOIN costs_usagerecord r USING (project_id, request_id)
                JOIN costs_cell c ON c.id = r.cell_id
                WHERE r.occurred_at >= %(attempts_from)s AND r.occurred_at < %(records_until)s AND c.model_id <> 0
                WINDOW attempts AS (
                    PARTITION BY r.project_id, r.request_id ORDER BY r.attempt, r.occurred_at, r.usage_id
                )
            )
            SELECT {keys}, r.model_before = c.model_id, {_NOT_WASTED} AND r.model_first <> c.model_id,
                m.provider, m.name, r.occurred_at, r.service_tier, r.cost_usd, {_COUNTS}
            FROM tried r JOIN costs_cell c ON c.id = r.cell_id JOIN costs_usedmodel m ON m.id = r.model_first
            WHERE {where} AND r.attempt > 1 AND r.model_before IS NOT NULL LIMIT %(most)s
            """,
            {**parameters, **more, "attempts_from": _earlier(query.start, ATTEMPTS_WITHIN), "most": limit + 1},
        )
        found = cursor.fetchall()
    if len(found) > limit:
        raise BadQuery("from", f"More than {limit:,} attempts were repeated in this time. Choose a shorter period.")
    width = 1 + len(group_by)
    rows = [(row[:width], _repeat(*row[width:])) for row in found]
    return _named(query, rows, group_by, edges, top)


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


def _missed(query: UsageQuery, group_by: Sequence[str], edges: Sequence[datetime], top: Top) -> list[WasteRow]:
    """Input that the call before had sent already, and that the prompt cache did not answer."""
    where, parameters = from_records.conditions_on_records(query)
    same = {name: values for name, values in query.filters.items() if name in SAME_PROMPT}
    inside, _ = conditions(replace(query, filters=same)).where("c")
    keys, more = _keys(group_by, edges)
    kept = timedelta(seconds=settings.PROMPT_CACHE_SECONDS)
    parameters |= more | recount.parameters()
    parameters |= {"turns_from": _earlier(query.start, kept), "least": settings.PROMPT_CACHE_LEAST_TOKENS}
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
            )
            SELECT {keys}, r.price_id, r.service_tier, count(*), bursar_total({_MISSED})
            FROM turns r JOIN costs_cell c ON c.id = r.cell_id
            WHERE {where} AND {_NOT_WASTED} AND r.attempt = 1 AND r.cost_source = {int(CostSource.PRICE)}
                AND r.tokens_before >= %(least)s AND r.occurred_at - r.at_before <= %(kept)s::interval AND {_MISSED} > 0
            GROUP BY {", ".join(str(number + 1) for number in range(len(group_by) + 3))}
            """,
            {**parameters, "kept": f"{settings.PROMPT_CACHE_SECONDS} seconds"},
        )
        found = cursor.fetchall()
    width = 1 + len(group_by)
    cards = _cards({row[width] for row in found})
    rows = [(row[:width], _miss(cards.get(row[width]), *row[width + 1 :])) for row in found]
    return _named(query, [(place, one) for place, one in rows if one.missed_usd], group_by, edges, top)


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


def _keys(group_by: Sequence[str], edges: Sequence[datetime]) -> tuple[str, dict[str, Any]]:
    columns, parameters = from_records.columns_of(group_by)
    bucket = "width_bucket(r.occurred_at, %(edges)s::timestamptz[])" if edges else "0"
    return ", ".join([bucket, *columns.values()]), {**parameters, "edges": list(edges)}


def _named(
    query: UsageQuery,
    found: Sequence[tuple[Place, WasteTotals]],
    group_by: Sequence[str],
    edges: Sequence[datetime],
    top: Top,
) -> list[WasteRow]:
    names = [
        names_of(query, name, {place[number] for place, _ in found}, only=top.get(name))
        for number, name in enumerate(group_by, start=1)
    ]
    return [
        WasteRow(
            tuple(known[value] for known, value in zip(names, place[1:], strict=True)),
            totals,
            edges[place[0] - 1] if edges else None,
        )
        for place, totals in found
    ]
