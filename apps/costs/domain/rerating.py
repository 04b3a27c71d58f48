"""Re-rating as arithmetic: how a record is billed once it is priced again, and what that moves in the sums."""

from dataclasses import dataclass

from .kinds import CostSource


@dataclass(frozen=True, slots=True)
class Billing:
    """How a record is billed. Money in femto-dollars; `price_cost` is the list price where it is not the cost."""

    cost: int | None
    price_cost: int | None
    price_id: int | None
    cost_source: int
    assumed: int

    def is_same_amount(self, other: "Billing") -> bool:
        """Whether both bill the same: another row of the price book with the same outcome is no change."""
        return (self.cost, self.price_cost, self.cost_source) == (other.cost, other.price_cost, other.cost_source)


@dataclass(frozen=True, slots=True)
class Listed:
    """What the price book says of a call: its price in femto-dollars (None: unpriced), the price's id, assumptions."""

    cost: int | None
    price_id: int | None
    assumed: int


def rebilled(now: Billing, listed: Listed, *, include_reported: bool) -> Billing:
    """The billing of a model call under what the price book says.

    An answer from the agent's own cache stays free; its list price is what it avoided. A cost the provider reported is
    replaced only if asked, and never by an unknown one.
    """
    if now.cost_source == CostSource.CACHE_HIT:
        return Billing(0, listed.cost or None, listed.price_id, now.cost_source, listed.assumed)
    if now.cost_source == CostSource.PROVIDER and (not include_reported or listed.cost is None):
        return now
    source = CostSource.UNPRICED if listed.cost is None else CostSource.PRICE
    return Billing(listed.cost, None, listed.price_id, int(source), listed.assumed)


@dataclass(frozen=True, slots=True)
class Shift:
    """What one record's change adds to the sums: unpriced calls, and USD spent and avoided in femto-dollars."""

    unpriced_calls: int = 0
    cost: int = 0
    avoided: int = 0

    def __add__(self, other: "Shift") -> "Shift":
        return Shift(self.unpriced_calls + other.unpriced_calls, self.cost + other.cost, self.avoided + other.avoided)

    def __bool__(self) -> bool:
        return bool(self.unpriced_calls or self.cost or self.avoided)


def shift(before: Billing, after: Billing, *, calls: int) -> Shift:
    """What the change adds to the sums of a model call that stands for so many calls."""
    is_hit = before.cost_source == CostSource.CACHE_HIT
    return Shift(
        calls * ((after.cost is None) - (before.cost is None)),
        (after.cost or 0) - (before.cost or 0),
        (after.price_cost or 0) - (before.price_cost or 0) if is_hit else 0,
    )
