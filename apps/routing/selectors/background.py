"""Background calls that a provider would do for less in its batch or flex tier."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.calendars import QUARTER_HOUR
from apps.costs.domain.pricing import usd
from apps.costs.selectors import metrics
from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.selectors.repricing import repriced
from apps.routing.selectors.use import LATELY

ROLES = ("utility", "background", "embedding")
"""Roles nobody waits for. Embeddings of a search are waited for, which only their agent knows."""
TIERS = ("batch", "flex")


@dataclass(frozen=True, slots=True)
class Cheaper:
    """Calls of background roles at one model, and what the same tokens cost in another service tier."""

    provider: str
    model: str
    service_tier: str
    calls: int
    standard_usd: Decimal
    tier_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        """What it would have saved."""
        return self.standard_usd - self.tier_usd


def cheaper_in_background(*, now: datetime, project_ids: frozenset[int] | None) -> list[Cheaper]:
    """The last 30 days' background calls, per model the cheapest tier that its price knows, largest saving first."""
    end = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % QUARTER_HOUR + QUARTER_HOUR
    query = metrics.UsageQuery(end - LATELY, end, project_ids=project_ids, filters={"role": ROLES})
    book = current_rate_book()
    found = []
    for row in metrics.grouped(query, ("provider", "model"), edges=()):
        provider, model = row.values
        match = book.lookup(provider, model, now)
        if match is None or not row.totals.calls:
            continue
        told = row.totals
        offered = (tier for tier in TIERS if tier in match.card.rates.service_tiers)
        costs = {
            tier: repriced(book, (provider, model), told, now, service_tier=tier) for tier in ("standard", *offered)
        }
        standard = costs.pop("standard")
        priced = {tier: cost for tier, cost in costs.items() if cost is not None}
        if standard is None or not priced:
            continue
        # At one price flex is told: a parameter asks for it, a batch goes another way.
        tier = min(priced, key=lambda name: (priced[name], name != "flex"))
        if priced[tier] < standard:
            found.append(Cheaper(provider, model, tier, told.calls, usd(standard), usd(priced[tier])))
    return sorted(found, key=lambda one: -one.saved_usd)
