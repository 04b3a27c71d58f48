"""The doors of budgets: what higher apps know and budgets ask for, registered at start."""

from collections.abc import Callable
from decimal import Decimal

from apps.costs.extension_points import Door

TierCeiling = Callable[[str], Decimal | None]
"""The most that 1,000 tokens may cost, in USD, in the tier of this name; None when no tier says so."""

tier_ceiling: Door[TierCeiling] = Door("tier_ceiling")
