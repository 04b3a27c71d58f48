"""Models that another one dominates at a kind of task: no less success by what outcomes say, for less money."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.pricing import usd
from apps.costs.domain.rate_book import RateBook
from apps.costs.selectors import metrics
from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.domain.candidates import KNOWN_FROM, Quality
from apps.routing.domain.policy import ModelKey
from apps.routing.models import ModelQuality
from apps.routing.selectors.quality import qualities
from apps.routing.selectors.repricing import repriced
from apps.routing.selectors.use import LATELY

MOST_TASK_TYPES = 20
TOKENS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "reasoning_output_tokens",
)  # fmt: skip
"""What a price depends on."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Another model for the calls of one model at one task type, with both qualities and what the same tokens cost."""

    task_type: str
    model: ModelKey
    better: ModelKey
    quality: Quality
    better_quality: Quality
    calls: int
    here_usd: Decimal
    there_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        """What it would have saved in 30 days, the same tokens at the list prices of now."""
        return self.here_usd - self.there_usd


def dominated(*, now: datetime, project_ids: frozenset[int] | None) -> list[Advice]:
    """By task type and model the one that saves most, largest saving first."""
    task_types = (
        ModelQuality.objects.filter(n__gte=KNOWN_FROM)
        .exclude(task_type="")
        .order_by("task_type")
        .values_list("task_type", flat=True)
        .distinct()[:MOST_TASK_TYPES]
    )
    book = current_rate_book()
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    known = {
        task_type: {model: one for model, one in qualities(task_type).items() if one.n >= KNOWN_FROM}
        for task_type in task_types
    }
    if not known:
        return []
    query = metrics.UsageQuery(end - LATELY, end, project_ids=project_ids, filters={"task_type": tuple(known)})
    rows = metrics.grouped(query, ("task_type", "provider", "model"), edges=(), only=TOKENS)
    found = [advice for row in rows if (advice := _advice(book, row, known[row.values[0]], now))]
    return sorted(found, key=lambda one: -one.saved_usd)


def _advice(book: RateBook, row: metrics.GroupRow, known: Mapping[ModelKey, Quality], now: datetime) -> Advice | None:
    task_type, provider, name = row.values
    own, here = known.get((provider, name)), repriced(book, (provider, name), row.totals, now)
    if own is None or here is None or not row.totals.calls:
        return None
    others = []
    for model, quality in known.items():
        if model == (provider, name) or quality.mean < own.mean or quality.lower < own.lower:
            continue
        there = repriced(book, model, row.totals, now)
        if there is not None and there < here:
            others.append((there, model, quality))
    if not others:
        return None
    there, better, quality = min(others, key=lambda one: one[:2])
    return Advice(task_type, (provider, name), better, own, quality, row.totals.calls, usd(here), usd(there))
