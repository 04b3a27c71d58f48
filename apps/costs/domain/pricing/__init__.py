"""Pricing arithmetic: rates and usage in, exact femto-dollars (10^-15 USD) out. No clock, no queries, no float."""

from .band import (
    ASSUMED_CACHE_CREATION,
    ASSUMED_CACHE_CREATION_1H,
    ASSUMED_CACHE_READ,
    ASSUMED_OVERLAP,
    ASSUMED_PART,
    ASSUMED_REASONING,
    ASSUMED_SERVICE_TIER,
)
from .card import RateCard
from .money import femto_of, usd, usd_text
from .parts import Part
from .rates import STANDARD, Rate, Rates, RateSet, ServiceTier, Tiered, Window
from .usage import Usage, refuse_impossible

__all__ = [
    "ASSUMED_CACHE_CREATION",
    "ASSUMED_CACHE_CREATION_1H",
    "ASSUMED_CACHE_READ",
    "ASSUMED_OVERLAP",
    "ASSUMED_PART",
    "ASSUMED_REASONING",
    "ASSUMED_SERVICE_TIER",
    "STANDARD",
    "Part",
    "Rate",
    "RateCard",
    "RateSet",
    "Rates",
    "ServiceTier",
    "Tiered",
    "Usage",
    "Window",
    "femto_of",
    "refuse_impossible",
    "usd",
    "usd_text",
]
