"""The doors of budgets: what higher apps know and budgets ask for, registered at start."""

from collections.abc import Callable
from decimal import Decimal

from apps.costs.extension_points import Door

TierCeiling = Callable[[str], Decimal | None]
"""The most that 1,000 tokens may cost, in USD, in the tier of this name; None when no tier says so."""

TierModel = Callable[[str], str]
"""The model that calls of the tier of this name go to first, as people know it; "" when no tier is called so."""

tier_model: Door[TierModel] = Door("tier_model")
tier_ceiling: Door[TierCeiling] = Door("tier_ceiling")
