"""How one counter of a budget stands, and what an agent is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from apps.budgets.domain.thresholds import Action, Threshold, strictest
from apps.costs.domain.money_format import format_money

NOTHING = Decimal(0)
_BLOCK = Action.BLOCK.value


class Unit:
    """What budgets are counted in."""

    USD = "usd"
    TOKENS = "tokens"
    CALLS = "calls"
    ALL = (USD, TOKENS, CALLS)


class BudgetState(msgspec.Struct, frozen=True):
    """One counter in its present period. Amounts are in `unit`; `limit` includes temporary raises.

    `spent` is what counts against the limit, so of a rolling budget it includes the days before. `ceiling` is what
    reservations may not exceed, None when nothing blocks. `exempt` says that the call asked for is never held up.
    """

    budget_id: int
    name: str
    unit: str
    each: str
    each_value: str
    label: str
    limit: Decimal
    raised: Decimal
    ceiling: Decimal | None
    spent: Decimal
    reserved: Decimal
    unpriced_calls: int
    in_force: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    starts_at: datetime
    resets_at: datetime | None
    paused: bool = False
    exempt: bool = False
    counter_id: int | None = None
    is_blocked: bool = False
    """True once nothing more may be spent; as `action`, made from the others."""
    action: str = "none"
    """What to do: none, advise, cheapest, downgrade or block."""

    def __post_init__(self) -> None:
        # Both are asked for again and again at every decision.
        used = self.ceiling is not None and not self.paused and self.spent + self.reserved >= self.ceiling
        force_setattr(self, "is_blocked", used)
        force_setattr(self, "action", self._action())

    @property
    def remaining(self) -> Decimal:
        """What is left of the limit, never less than nothing."""
        return max(self.limit - self.spent - self.reserved, NOTHING)

    @property
    def threshold(self) -> Threshold | None:
        """The strictest threshold that holds, blocking aside: the ceiling says when that is."""
        if self.paused or not self.in_force:
            return None
        return strictest([one for one in self.thresholds if one.action is not Action.BLOCK], self.in_force)

    def _action(self) -> str:
        if self.exempt or self.paused:
            return "none"
        if self.is_blocked:
            return _BLOCK
        held = self.threshold
        return "none" if held is None or held.action is Action.NOTIFY else held.action.value

    @property
    def tier(self) -> str:
        """The tier to go down to, while the action is downgrade."""
        held = self.threshold
        return held.tier if held is not None and self.action == Action.DOWNGRADE else ""

    @property
    def state(self) -> str:
        """One word: paused, blocked, over, warn or ok."""
        if self.paused:
            return "paused"
        if self.is_blocked:
            return "blocked"
        if self.spent >= self.limit:
            return "over"
        return "warn" if self.in_force else "ok"

    @property
    def tightness(self) -> tuple[bool, Decimal]:
        """Sorts states: those that hold calls up first, then by the share that is left."""
        share = self.remaining / self.limit if self.limit else NOTHING
        return not (self.is_blocked and not self.exempt), share

    def told(self) -> dict[str, Any]:
        """As the API writes it."""
        unit = self.unit
        amounts = {"limit": self.limit, "spent": self.spent, "reserved": self.reserved, "remaining": self.remaining}
        action = self.action
        tier = self.tier if action == Action.DOWNGRADE else ""
        return {
            "id": str(self.budget_id),
            "name": self.name,
            **({"each": {"field": self.each, "value": self.label}} if self.each else {}),
            **{f"{name}_{unit}": amount_text(amount, unit) for name, amount in amounts.items()},
            "state": self.state,
            "action": action,
            **({"tier": tier} if tier else {}),
            **({"unpriced_calls": self.unpriced_calls} if self.unpriced_calls else {}),
            "resets_at": self.resets_at,
        }


def amount_text(amount: Decimal, unit: str) -> Any:
    """Money as a decimal string, tokens and calls as whole numbers."""
    return format_money(amount) if unit == Unit.USD else int(amount)


def tightest_first(states: Sequence[BudgetState]) -> list[BudgetState]:
    """The order in which they are told; the first one binds."""
    if len(states) < 2:
        return list(states)
    return sorted(states, key=lambda state: (*state.tightness, state.budget_id, state.each_value))


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an amount could not be reserved: by a budget, or by the reservation it was to be drawn from."""

    limit_source: str
    asked_usd: Decimal
    state: BudgetState | None
    left_usd: Decimal | None = None
    """Of the reservation, like the next two; None when it is over."""
    limit_usd: Decimal = Decimal(0)
    spent_usd: Decimal = Decimal(0)
    raise_contacts: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """For a person."""
        state = self.state
        if state is None:
            left = "is over" if self.left_usd is None else f"has only {format_money(self.left_usd)} USD left"
            return f"The parent reservation {left}; {format_money(self.asked_usd)} USD were asked for."
        whose = f" for {state.each} {state.label}" if state.each else ""
        amounts = [amount_text(value, state.unit) for value in (state.spent, state.reserved, state.limit)]
        resets = f"It resets at {state.resets_at:%Y-%m-%d %H:%M} UTC." if state.resets_at else "It does not reset."
        contacts = f" {', '.join(self.raise_contacts)} can raise it." if self.raise_contacts else ""
        unit = "USD" if state.unit == Unit.USD else state.unit
        return (
            f"The budget \u201c{state.name}\u201d{whose} has {amounts[0]} spent and {amounts[1]} reserved of"
            f" {amounts[2]} {unit}. {resets}{contacts}"
        )

    def told(self) -> dict[str, Any]:
        """The machine-readable part of the 402."""
        told: dict[str, Any] = {"limit_source": self.limit_source, "asked_usd": format_money(self.asked_usd)}
        if self.state is None:
            return {**told, "budget_id": None, **self._told_of_reservation(), "resets_at": None, "raise_contacts": []}
        state = self.state
        amounts = {"limit": state.limit, "spent": state.spent, "reserved": state.reserved}
        return {
            **told,
            "budget_id": str(state.budget_id),
            "budget": state.name,
            **({"each": {"field": state.each, "value": state.label}} if state.each else {}),
            **{f"{name}_{state.unit}": amount_text(value, state.unit) for name, value in amounts.items()},
            "resets_at": state.resets_at.isoformat().replace("+00:00", "Z") if state.resets_at else None,
            "raise_contacts": list(self.raise_contacts),
        }

    def _told_of_reservation(self) -> dict[str, str | None]:
        """Spent on it and drawn from it by others add up, with what is left, to its amount."""
        left = self.left_usd
        drawn = Decimal(0) if left is None else max(self.limit_usd - self.spent_usd - left, Decimal(0))
        amounts = {"limit": self.limit_usd, "spent": self.spent_usd, "reserved": drawn, "remaining": left}
        return {f"{name}_usd": None if usd is None else format_money(usd) for name, usd in amounts.items()}


class BudgetRefused(Exception):
    """An amount does not fit (402)."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.sentence)
        self.denial = denial
