"""What was spent for nothing, cut so that no dollar is named twice."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class WasteTotals:
    """Sums of waste. The three amounts are disjoint: a call is in the first that fits, in this order.

    `failed_usd` is what failed and cancelled calls cost. `failover_usd` is what calls cost more than the model that
    was tried first would have. `missed_usd` is what tokens cost more that the prompt cache could have answered.
    Retries and failovers are counts; what they cost is in the amounts already. `observed_calls` is what they are a
    part of.
    """

    observed_calls: int = 0
    failed_calls: int = 0
    failed_usd: Decimal = Decimal(0)
    retries: int = 0
    failovers: int = 0
    failover_usd: Decimal = Decimal(0)
    missed_calls: int = 0
    missed_tokens: int = 0
    missed_usd: Decimal = Decimal(0)

    @property
    def usd(self) -> Decimal:
        """All of it."""
        return self.failed_usd + self.failover_usd + self.missed_usd


WASTE_SUMS = tuple(field.name for field in fields(WasteTotals))
"""The names of these sums, in order."""
SPENT_SUMS = ("calls", "tool_executions", "cost_usd")
"""What folds keep beside them: all that waste is a part of."""
_values_of = attrgetter(*WASTE_SUMS)


def waste_totals(rows: Iterable[WasteTotals]) -> WasteTotals:
    """Several groups or buckets as one."""
    columns = zip(*(_values_of(row) for row in rows), strict=True)
    return WasteTotals(*(sum(column, start=type(column[0])(0)) for column in columns))
