"""The one door upwards: what higher apps do inside the transactions of ingest and re-rating, registered at start.

An app calls `charging.register(...)` or `recharging.register(...)` in its `extensions.py`. Nothing registered costs
nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from apps.access.domain.identity import Caller

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Charge:
    """One stored record as a budget sees it. Money in femto-dollars; None is unpriced."""

    project_id: int
    agent_id: int
    cell_id: int
    model_id: int
    occurred_at: datetime
    quarter: int
    usage_id: str
    key_id: int | None
    fields: Any
    cost: int | None


@dataclass(frozen=True, slots=True)
class Recharge:
    """One stored record whose cost changes, as a budget sees it. Money in femto-dollars; None is unpriced.

    Names are ids as the record holds them, 0 for none; `tags` as sent.
    """

    project_id: int
    cell_id: int
    occurred_at: datetime
    usage_id: str
    calls: int
    key_id: int | None
    user_id: int
    tool_id: int
    tags: Mapping[str, str]
    conversation_id: str | None
    before: int | None
    after: int | None


class ChangedMeanwhile(Exception):
    """What a charge was prepared for has changed: the transaction is rolled back and everything is done again."""


ChargeNow = Callable[[], Sequence[Mapping[str, Any]]]
"""Called after the rollups and before the commit; returns the answer's budget states. May raise ChangedMeanwhile."""

Charging = Callable[[Caller, Collection[str], Callable[[], Sequence[Charge]]], ChargeNow | None]
"""Called before the transaction with the fields any record has, and the rows that are to be inserted; None when
nothing is to be charged. What a retry finds to be stored already is left out of the next call."""

Recharging = Callable[[Sequence[Recharge]], None]
"""Called after the rollups and before the commit with the records whose cost changed, in the order of their keys."""


class Door(Generic[Function]):
    """A single registered callable, or none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.registered: Function | None = None

    def register(self, function: Function) -> None:
        """Fill the door. Raises RuntimeError when two apps want it."""
        if self.registered is not None and self.registered is not function:
            raise RuntimeError(f"the {self.name} extension is registered already")
        self.registered = function


charging: Door[Charging] = Door("charging")
recharging: Door[Recharging] = Door("recharging")
