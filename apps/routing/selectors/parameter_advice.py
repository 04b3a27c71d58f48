"""What parameters of models would have saved in the last 30 days, each with the figures it is computed from."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.kinds import Status
from apps.costs.domain.pricing import usd
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import from_records
from apps.costs.selectors.metrics.waste import waste_by
from apps.costs.selectors.rate_book import RateBook, current_rate_book
from apps.routing.domain.candidates import PROVIDER_FAULTS
from apps.routing.domain.parameter_advice import Kind, has_parameters, needs_marks, parameters_of, with_parameters
from apps.routing.domain.policy import ModelKey
from apps.routing.models import PolicyVersion
from apps.routing.selectors.background import cheaper_in_background
from apps.routing.selectors.policies import current_version
from apps.routing.selectors.use import LATELY

LEAST_RETRIES = 5
"""Repeated attempts that failed again, from which on they are worth a word."""
SDK_REPEATS = 2
"""How often the SDKs of OpenAI and Anthropic repeat a request by themselves unless `max_retries` says otherwise."""
_MOST_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Cached:
    """Input of 30 days: what was sent afresh, and how much of it the call before had sent within minutes.

    `marked_usd` reads that from the cache and writes all the rest of the input into it, which is the most that marking
    can cost.
    """

    calls: int
    input_tokens: int
    missed_tokens: int
    missed_calls: int
    now_usd: Decimal
    marked_usd: Decimal


@dataclass(frozen=True, slots=True)
class Retried:
    """Failures of 30 days that were the provider's: first attempts, attempts after them, what these cost and took."""

    first: int
    again: int
    again_usd: Decimal
    waited_ms: int


@dataclass(frozen=True, slots=True)
class Advice:
    """One parameter for one model; `is_set` is None where the policy in force does not have the model.

    `is_undoable` says that the draft that has it changes nothing else.
    """

    kind: Kind
    provider: str
    model: str
    saved_usd: Decimal
    is_set: bool | None
    draft_id: int | None = None
    is_undoable: bool = False
    cached: Cached | None = None
    retried: Retried | None = None

    @property
    def parameters_text(self) -> str:
        """What it puts on the model, as JSON."""
        return json.dumps(parameters_of(self.kind))

    @property
    def requests_at_most(self) -> int:
        """What reported attempts may have been on the wire: the SDK's own repeats are seen by nobody."""
        return 0 if self.retried is None else (self.retried.first + self.retried.again) * (1 + SDK_REPEATS)


@dataclass(frozen=True, slots=True)
class Advised:
    """What there is to advise; `complaint` says why the records were not read to their end."""

    found: list[Advice]
    complaint: str = ""


_Raw = tuple[Kind, ModelKey, Decimal, Cached | None, Retried | None]
_remembered: dict[tuple[frozenset[int] | None, datetime], tuple[float, list[_Raw], str]] = {}


def parameter_advice(*, now: datetime, project_ids: frozenset[int] | None) -> Advised:
    """By what it would have saved; what records tell is read at most every ADVICE_SECONDS."""
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    key = (project_ids, end)
    known = _remembered.get(key)
    if known is None or time.monotonic() - known[0] >= settings.ADVICE_SECONDS:
        found, complaint = _read(metrics.UsageQuery(end - LATELY, end, project_ids=project_ids), now)
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        known = _remembered[key] = (time.monotonic(), found, complaint)
    rows = [*known[1], *_flex(now, project_ids)]
    current = current_version()
    drafts = list(PolicyVersion.objects.drafts().values_list("pk", "document")[:50])
    told = [_told(row, current.document if current else None, drafts) for row in rows]
    return Advised(sorted(told, key=lambda one: (-one.saved_usd, one.kind, one.provider, one.model)), known[2])


def forget() -> None:
    """Empty the memory: for tests."""
    _remembered.clear()


def _told(row: _Raw, document: dict[str, Any] | None, drafts: list[tuple[int, dict[str, Any]]]) -> Advice:
    kind, (provider, name), saved, cached, retried = row
    is_set = None if document is None else has_parameters(document, provider, name, kind)
    draft = changed = None
    if document is not None and is_set is False:
        changed = with_parameters(document, provider, name, kind)
        having = [one for one in drafts if has_parameters(one[1], provider, name, kind)]
        draft = next((one for one in having if one[1] == changed), having[0] if having else None)
    return Advice(
        kind, provider, name, saved, is_set, draft[0] if draft else None, draft is not None and draft[1] == changed,
        cached, retried,
    )  # fmt: skip


def _flex(now: datetime, project_ids: frozenset[int] | None) -> Iterator[_Raw]:
    """Background calls whose cheaper tier is asked for by a parameter; batches go another way than a call."""
    for one in cheaper_in_background(now=now, project_ids=project_ids):
        if one.service_tier == "flex":
            yield "flex", (one.provider, one.model), one.saved_usd, None, None


def _read(query: metrics.UsageQuery, now: datetime) -> tuple[list[_Raw], str]:
    try:
        return [*_markable(query, now), *_retried(query)], ""
    except metrics.BadQuery as refusal:
        return [], refusal.message


def _markable(query: metrics.UsageQuery, now: datetime) -> Iterator[_Raw]:
    used = {
        row.values: row.totals
        for row in metrics.grouped(query, ("provider", "model"), edges=())
        if row.totals.calls and needs_marks(*row.values)
    }
    if not used:
        return
    only = {"provider": tuple({key[0] for key in used}), "model": tuple({key[1] for key in used})}
    book = current_rate_book()
    marked = metrics.UsageQuery(query.start, query.end, project_ids=query.project_ids, filters=only)
    for row in waste_by(marked, ("provider", "model")):
        totals = used.get((row.values[0], row.values[1]))
        if totals is not None and row.totals.missed_tokens:
            cached = _cached(book, (row.values[0], row.values[1]), totals, row.totals, now)
            if cached is not None and cached.now_usd > cached.marked_usd:
                yield "cache", (row.values[0], row.values[1]), cached.now_usd - cached.marked_usd, cached, None


def _cached(
    book: RateBook, model: ModelKey, used: metrics.Totals, waste: metrics.WasteTotals, now: datetime
) -> Cached | None:
    match = book.lookup(*model, now)
    if match is None:
        return None
    read = min(used.input_tokens, used.cache_read_input_tokens + waste.missed_tokens)
    minute = now.hour * 60 + now.minute

    def cost(read: int, written: int) -> int | None:
        return match.card.charge(
            used.input_tokens, used.output_tokens, read, written, reasoning=used.reasoning_output_tokens,
            requests=used.calls, minute_of_day=minute, calls=used.calls,
        )[0]  # fmt: skip

    before = cost(used.cache_read_input_tokens, used.cache_creation_input_tokens)
    after = cost(read, used.input_tokens - read)
    if before is None or after is None:
        return None
    return Cached(used.calls, used.input_tokens, waste.missed_tokens, waste.missed_calls, usd(before), usd(after))


def _retried(query: metrics.UsageQuery) -> list[_Raw]:
    where, parameters = from_records.conditions_on_records(query)
    sql = f"""
        SELECT m.provider, m.name, count(*) FILTER (WHERE r.attempt = 1), count(*) FILTER (WHERE r.attempt > 1),
            coalesce(sum(r.cost_usd) FILTER (WHERE r.attempt > 1), 0),
            coalesce(sum(r.latency_ms) FILTER (WHERE r.attempt > 1), 0)
        FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id JOIN costs_usedmodel m ON m.id = c.model_id
        JOIN costs_label e ON e.id = r.error_type_id
        WHERE {where} AND c.status = {int(Status.ERROR)} AND lower(e.name) = ANY(%(faults)s)
        GROUP BY 1, 2 HAVING count(*) FILTER (WHERE r.attempt > 1) >= %(least)s
    """
    with from_records.bounded(), connection.cursor() as cursor:
        cursor.execute(sql, {**parameters, "faults": sorted(PROVIDER_FAULTS), "least": LEAST_RETRIES})
        rows = cursor.fetchall()
    return [
        ("retries", (provider, name), cost, None, Retried(first, again, cost, int(waited)))
        for provider, name, first, again, cost, waited in rows
    ]
