"""The saving with the tokens that the baseline is seen to take, instead of those of the calls as they were."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.costs.selectors.metrics import UsageQuery
from apps.routing.selectors.effects import learned
from apps.routing.selectors.savings import STEP, ZERO, SavedRow, Savings, rows_within

USD_STEP = Decimal("1e-15")


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What the baseline would have cost by its own tokens, and the saving with its 95 % interval.

    `coverage` is the part of the cost elsewhere of whose kind of task enough is known; the rest stands at its own
    tokens. The ends take those of every kind of task at once, so the interval is rather too wide.
    """

    baseline_usd: Decimal
    saved_usd: Decimal
    low_usd: Decimal
    high_usd: Decimal
    coverage: Decimal
    baseline_tasks: int
    other_tasks: int
    days: int


def adjusted(query: UsageQuery, found: Savings, rows: Sequence[SavedRow] | None = None) -> Adjusted | None:
    """The adjusted saving; None where nothing is known of the baseline's tokens, or several baselines hold.

    `rows` are those by task type, where they were read already.
    """
    row = learned()
    if found.why or row is None or not row.ratios or [one.id for one in found.baselines] != [row.baseline_id]:
        return None
    change = low = high = known = ZERO
    base = others = 0
    for one in rows_within(query, found, ("task_type",)) if rows is None else rows:
        ratio = row.ratios.get(one.values[0])
        if ratio is None or not one.saved.elsewhere_usd:
            continue
        amount = one.saved.elsewhere_usd
        known += amount
        change += amount * (Decimal(ratio["value"]) - 1)
        low += amount * (Decimal(ratio["low"]) - 1)
        high += amount * (Decimal(ratio["high"]) - 1)
        base, others = base + ratio["baseline_tasks"], others + ratio["other_tasks"]
    if not known:
        return None
    change, low, high = (amount.quantize(USD_STEP) for amount in (change, low, high))
    return Adjusted(
        found.whole.baseline_usd + change,
        found.saved_usd + change,
        found.saved_usd + low,
        found.saved_usd + high,
        (Decimal(known) / found.whole.elsewhere_usd).quantize(STEP),
        base,
        others,
        row.days,
    )
