"""The one door upwards: what higher apps do inside the ingest transaction, registered when they start.

An app calls `charging.register(...)` in its `extensions.py`. Nothing registered costs nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.access.domain.identity import Caller


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


Charging = Callable[[Caller, Sequence[Charge]], Sequence[Mapping[str, Any]]]
"""Called after the rollups and before the commit with the rows really inserted; returns the answer's budget states."""


class Door:
    """A single registered callable, or none."""

    def __init__(self) -> None:
        self.registered: Charging | None = None

    def register(self, charging: Charging) -> None:
        """Fill the door. Raises RuntimeError when two apps want it."""
        if self.registered is not None and self.registered is not charging:
            raise RuntimeError("the charging extension is registered already")
        self.registered = charging


charging = Door()
