"""Policies: the one in force, versions and drafts, and what the price book says of their models."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.costs.domain import pricing
from apps.costs.domain.pricing.units import INPUT, OUTPUT
from apps.costs.domain.rate_book import PriceSource
from apps.costs.models import LanguageModel
from apps.costs.selectors.rate_book import current_rate_book
from apps.routing.domain.policy import ModelKey, Policy, policy_of
from apps.routing.domain.policy_checks import (
    TYPICAL_INPUT,
    TYPICAL_OUTPUT,
    UNKNOWN,
    PriceFacts,
    Problem,
    problems_of,
)
from apps.routing.models import PolicyVersion, RoutingState


def current_version() -> PolicyVersion | None:
    """The version in force; None before the first was published."""
    state = RoutingState.objects.first()
    return None if state is None or state.version is None else PolicyVersion.objects.get(version=state.version)


def published_between(start: datetime, end: datetime, *, most: int) -> list[PolicyVersion]:
    """The versions that were published in [start, end), newest first, without their documents."""
    rows = PolicyVersion.objects.published().filter(published_at__gte=start, published_at__lt=end)
    return list(rows.defer("document")[:most])


def checked(document: Mapping[str, Any], *, now: datetime) -> tuple[Policy, list[Problem]]:
    """The policy of a document with its problems at today's prices. Raises PolicyError when it cannot be read."""
    policy = policy_of(document)
    keys = {model.key for tier in policy.tiers for model in tier.models}
    return policy, problems_of(policy, price_facts(keys, now=now))


def price_facts(
    keys: Iterable[ModelKey], *, now: datetime, book: PriceSource | None = None
) -> dict[ModelKey, PriceFacts]:
    """What the price book says of these models now."""
    book = book or current_rate_book()
    matches = {key: book.lookup(*key, now) for key in set(keys)}
    names = {(match.provider, match.model) for match in matches.values() if match}
    rows = LanguageModel.objects.filter(
        provider_id__in={provider for provider, _ in names}, name__in={name for _, name in names}
    ).values_list("provider_id", "name", "context_window", "is_deprecated")
    known = {(provider, name): (window, deprecated) for provider, name, window, deprecated in rows}
    found: dict[ModelKey, PriceFacts] = {}
    for key, match in matches.items():
        if match is None:
            found[key] = UNKNOWN
            continue
        window, deprecated = known.get((match.provider, match.model), (None, False))
        card = match.card
        rates = card.rates.base
        found[key] = PriceFacts(
            _plain(rates.get(INPUT)), _plain(rates.get(OUTPUT)), _per_1k(card, now), window, bool(deprecated)
        )
    return found


def _plain(rate: pricing.Rate | None) -> Decimal | None:
    return rate.base if isinstance(rate, pricing.Tiered) else rate


def _per_1k(card: pricing.RateCard, now: datetime) -> Decimal | None:
    cost, _ = card.charge(TYPICAL_INPUT, TYPICAL_OUTPUT, minute_of_day=now.hour * 60 + now.minute)
    return None if cost is None else pricing.usd(cost) * 1000 / Decimal(TYPICAL_INPUT + TYPICAL_OUTPUT)
