"""The one door upwards: what higher apps do inside the transactions of ingest and re-rating, registered at start.

An app calls `charging.register(...)` or `recharging.register(...)` in its `extensions.py`. Nothing registered costs
nothing.
"""

from collections.abc import Callable, Mapping, Sequence
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
    usage_id: str
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


Charging = Callable[[Caller, Sequence[Charge]], Sequence[Mapping[str, Any]]]
"""Called after the rollups and before the commit with the rows really inserted; returns the answer's budget states."""

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
