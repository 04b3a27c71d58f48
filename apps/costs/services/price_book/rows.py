"""Rates as the columns of a price row."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.costs.domain.pricing import Rates
from apps.costs.domain.pricing.plain import plain_rates, rounded
from apps.costs.models.price_book import RATE_COLUMNS


def rate_fields(rates: Rates, unbilled: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The fields of a Price that say its rates, each rounded once to 9 decimals, and their fingerprint."""
    plain, originals = rounded(plain_rates(rates))
    base, tiers = _without_tiers(plain["base"])
    columns = {column: Decimal(base.pop(unit)) for unit, column in RATE_COLUMNS.items() if base.get(unit) is not None}
    text = json.dumps([plain, dict(unbilled or {})], sort_keys=True)
    return {
        "other_rates": base,
        "tiers": tiers,
        "service_tiers": plain["service_tiers"],
        "windows": plain["windows"],
        "unbilled": dict(unbilled or {}),
        "rounded": originals,
        "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
        **columns,
    }


def _without_tiers(base: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    tiers = {unit: rate["above"] for unit, rate in base.items() if isinstance(rate, dict)}
    flat = {unit: rate["base"] if isinstance(rate, dict) else rate for unit, rate in base.items()}
    return {unit: rate for unit, rate in flat.items() if rate is not None}, tiers
