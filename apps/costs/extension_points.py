"""The one door upwards: what higher apps do inside the transactions of ingest and re-rating, and tell beside metrics.

An app calls `charging.register(...)`, `recharging.register(...)`, `tiering.register(...)` or `saving.register(...)` in
its `extensions.py`.
Nothing registered costs nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from apps.access.domain.identity import Caller

Registered = TypeVar("Registered")


class Charge(msgspec.Struct, frozen=True, gc=False):
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
    tokens: int
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


@dataclass(frozen=True, slots=True)
class Tiering:
    """The tiers of calls. All three are asked before the transaction of ingest; what they say is remembered.

    `version` rises when `of_model` may say something else; it is asked for every batch, and so must cost nothing.
    `of_model` takes a canonical provider and a model's name, and says "" for a model of no tier. `of_decisions` takes
    decision ids and says the tiers by project and id.
    """

    version: Callable[[], int]
    of_model: Callable[[str, str], str]
    of_decisions: Callable[[Collection[str]], Mapping[tuple[int, str], str]]


@dataclass(frozen=True, slots=True)
class SavingAnswer:
    """The saving against the declared baseline, as the metrics API tells it: of all, and by bucket and group values.

    `totals` is None where there is none to tell; `why` says why, and `path` names the parameter that asks too much.
    """

    totals: Mapping[str, Any] | None = None
    rows: Mapping[tuple[Any, ...], Mapping[str, Any]] = field(default_factory=dict)
    why: str = ""
    path: str = ""


Saving = Callable[[Any, Sequence[str], Sequence[datetime]], SavingAnswer]
"""Asked with a `UsageQuery`, the dimensions and the edges of buckets."""


SentDown = Callable[[Any], int | None]
"""Asked with a `UsageQuery`: how many decisions budgets sent to cheaper tiers; None where that cannot be told."""


class Door(Generic[Registered]):
    """What a single app has registered, or none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.registered: Registered | None = None

    def register(self, registered: Registered) -> None:
        """Fill the door. Raises RuntimeError when two apps want it."""
        if self.registered is not None and self.registered != registered:
            raise RuntimeError(f"the {self.name} extension is registered already")
        self.registered = registered


charging: Door[Charging] = Door("charging")
recharging: Door[Recharging] = Door("recharging")
tiering: Door[Tiering] = Door("tiering")
saving: Door[Saving] = Door("saving")
sending_down: Door[SentDown] = Door("sending_down")
