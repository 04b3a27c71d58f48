"""What a run of re-rating looks at: records in the order of time, a bounded number at once, and their list price."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.access.models import Project
from apps.costs.domain import pricing
from apps.costs.domain.kinds import CostSource, ServiceTier
from apps.costs.domain.rate_book import PriceSource
from apps.costs.domain.rerating import Billing, Listed
from apps.costs.models import RerateRun
from apps.costs.selectors import recount
from apps.costs.selectors.horizon import Horizon, horizon

SERVICE_TIERS = {int(tier): tier.name.lower() for tier in ServiceTier}
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
BILLING = "r.cost_usd, r.price_cost_usd, r.price_id, r.cost_source, r.assumed"

Position = tuple[datetime, int, str]
"""Time, project and id of a record; a scan goes on after it."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What a model call used, under the names it was sent with: all that its list price depends on."""

    provider: str
    model: str
    occurred_at: datetime
    usage: pricing.Usage
    service_tier: str
    calls: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """A stored model call, how it is billed, and what it used."""

    project_id: int
    occurred_at: datetime
    usage_id: str
    model_id: int
    conversation_id: str | None
    billing: Billing
    metered: Metered

    @property
    def is_reported(self) -> bool:
        """Whether its cost is what the provider reported."""
        return self.billing.cost_source == CostSource.PROVIDER

    @property
    def position(self) -> Position:
        """Where a scan that has seen this record stands."""
        return self.occurred_at, self.project_id, self.usage_id


def listed(one: Metered, book: PriceSource) -> Listed:
    """What the book says of a call, by the resolver and the arithmetic of ingest."""
    match = book.lookup(one.provider, one.model, one.occurred_at)
    if match is None:
        return Listed(None, None, 0)
    moment, usage = one.occurred_at.astimezone(UTC), one.usage
    cost, assumed = match.card.charge(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read,
        usage.cache_creation,
        usage.cache_creation_1h,
        usage.reasoning,
        usage.other or None,
        usage.web_searches,
        usage.requests,
        one.service_tier,
        moment.hour * 60 + moment.minute,
        one.calls,
    )
    return Listed(cost, match.price_id, assumed)


def conditions(run: RerateRun) -> tuple[str, dict[str, Any]]:
    """SQL over a cell `c` for the filter of a run, and its parameters."""
    parts: list[str] = []
    if run.project_ids is None:
        parts.append("c.project_id <> ALL(%(projects)s)")
        projects = list(Project.objects.filter(is_demo=True).values_list("id", flat=True))
    else:
        parts.append("c.project_id = ANY(%(projects)s)")
        projects = run.project_ids
    if run.model_ids is not None:
        parts.append("c.model_id = ANY(%(models)s)")
    return " AND ".join(["c.model_id <> 0", *parts]), {"projects": projects, "models": run.model_ids}


def begins(run: RerateRun, limits: Horizon) -> datetime:
    """Where the run begins to look: nothing before can be changed, since its records or sums are gone."""
    return max(moment for moment in (run.start, limits.provable_from, BEGINNING) if moment)


def next_window(run: RerateRun, after: datetime) -> tuple[datetime, datetime] | None:
    """The next quarter-hour, or hour where rollups are stored by the hour, in which the filter has calls."""
    limits = horizon()
    where, parameters = conditions(run)
    waiting = " AND q.unpriced_calls <> 0" if run.only_unpriced else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT q.bucket FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id"
            f" WHERE q.bucket >= %(start)s AND q.bucket < %(end)s AND {where}{waiting} ORDER BY q.bucket LIMIT 1",
            {**parameters, "start": limits.row_start(after), "end": run.end or END},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    found = limits.row_start(row[0])
    return found, found + limits.step(found)


def scan(run: RerateRun, window: tuple[datetime, datetime], after: Position, limit: int) -> list[Scanned]:
    """The next records of the filter within a window, after a position, at most so many, in order."""
    where, parameters = conditions(run)
    waiting = " AND r.cost_source = 0" if run.only_unpriced else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.project_id, r.occurred_at, r.usage_id, c.model_id, r.conversation_id, {BILLING}, {METERED}
            FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id {METERED_JOINS}
            WHERE r.occurred_at >= %(from)s AND r.occurred_at < %(until)s AND {where}
                AND r.operation_id <> %(execute_tool)s{waiting}
                AND (r.occurred_at, r.project_id, r.usage_id) > (%(at)s, %(project)s, %(usage)s)
            ORDER BY r.occurred_at, r.project_id, r.usage_id LIMIT %(limit)s
            """,
            {
                **parameters,
                **recount.parameters(),
                "from": max(window[0], begins(run, horizon())),
                "until": min(window[1], run.end or END),
                "at": after[0],
                "project": after[1],
                "usage": after[2],
                "limit": limit,
            },
        )
        return [_scanned(row) for row in cursor.fetchall()]


def metered_of(keys: Sequence[tuple[int, datetime, str]]) -> dict[tuple[int, datetime, str], Metered]:
    """What these records used, by (project, time, id); those that are gone are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.project_id, r.occurred_at, r.usage_id, {METERED}
            FROM unnest(%(projects)s::int[], %(moments)s::timestamptz[], %(ids)s::text[])
                AS w(project_id, occurred_at, usage_id)
            JOIN costs_usagerecord r USING (project_id, occurred_at, usage_id)
            JOIN costs_cell c ON c.id = r.cell_id {METERED_JOINS}
            WHERE r.occurred_at >= %(least)s AND r.occurred_at <= %(most)s
            """,
            {
                "projects": [key[0] for key in keys],
                "moments": [key[1] for key in keys],
                "ids": [key[2] for key in keys],
                "least": min(key[1] for key in keys),
                "most": max(key[1] for key in keys),
            },
        )
        return {(row[0], row[1], row[2]): metered_of_row(row[1], row[3:]) for row in cursor.fetchall()}


def dropped_calls(run: RerateRun) -> int:
    """Calls in the filter whose records are gone by retention: only their sums are left, and stay as they are."""
    limits = horizon()
    if limits.provable_from is None:
        return 0
    where, parameters = conditions(run)
    measure = "q.unpriced_calls" if run.only_unpriced else "q.calls"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(sum({measure}), 0) FROM costs_usagequarter q JOIN costs_cell c ON c.id = q.cell_id"
            f" WHERE q.bucket >= %(start)s AND q.bucket < %(end)s AND {where}",
            {**parameters, "start": run.start or BEGINNING, "end": min(run.end or END, limits.provable_from)},
        )
        return int(cursor.fetchone()[0])


def femto(amount: Decimal | None) -> int | None:
    """An amount as the database keeps it, in femto-dollars."""
    return None if amount is None else pricing.femto_of(f"{amount:f}")


METERED_JOINS = """
    JOIN costs_usedmodel m ON m.id = c.model_id LEFT JOIN costs_label sent ON sent.id = r.sent_provider_id"""
METERED = """
    coalesce(sent.name, m.provider), m.name, r.input_tokens, r.output_tokens, r.cache_read_input_tokens,
    r.cache_creation_input_tokens, r.cache_creation_1h_input_tokens, r.reasoning_output_tokens, r.web_searches,
    r.requests, r.other_tokens, r.service_tier, r.calls"""


def _scanned(row: Sequence[Any]) -> Scanned:
    cost, price_cost, price_id, source, assumed = row[5:10]
    billing = Billing(femto(cost), femto(price_cost), price_id, source, assumed)
    return Scanned(row[0], row[1], row[2], row[3], row[4], billing, metered_of_row(row[1], row[10:]))


def metered_of_row(moment: datetime, row: Sequence[Any]) -> Metered:
    """What a call used, from the columns of METERED."""
    provider, model, inputs, outputs, read, creation, creation_1h, reasoning, searches, requests = row[:10]
    other = json.loads(row[10]) if row[10] else {}
    usage = pricing.Usage(inputs, outputs, read, creation, creation_1h, reasoning, searches, requests, other)
    return Metered(provider, model, moment, usage, SERVICE_TIERS[row[11]], row[12])
