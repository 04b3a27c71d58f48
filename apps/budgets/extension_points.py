"""The doors of budgets: what higher apps know and budgets ask for, registered at start."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from apps.budgets.domain.lowering import Counted, Lowered
from apps.costs.extension_points import Door

TierCeiling = Callable[[str], Decimal | None]
"""The most that 1,000 tokens may cost, in USD, in the tier of this name; None when no tier says so."""

TiersFrom = Callable[[str], Sequence[tuple[str, str]]]
"""The tier of this name and the dearer ones, cheapest first, each with the model that its calls go to first.

Models as people know them. Nothing when no tier is called so.
"""

LoweredCalls = Callable[[Counted, datetime, datetime], Sequence[Lowered]]
"""Which models took the place of which because of a budget, in a half-open time; those with the most calls first."""

tiers_from: Door[TiersFrom] = Door("tiers_from")
lowered_calls: Door[LoweredCalls] = Door("lowered_calls")
tier_ceiling: Door[TierCeiling] = Door("tier_ceiling")
