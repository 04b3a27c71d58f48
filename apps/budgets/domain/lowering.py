"""Calls that a budget sent to cheaper models: which counter, and which model took the place of which."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Counted:
    """One counter of a budget: "" as `each` for a budget that has only one."""

    budget_id: int
    each: str
    value: str


@dataclass(frozen=True, slots=True)
class Lowered:
    """So many calls went to a model of a tier instead of to another. Models as people know them.

    `below_quality` of them went where the policy's quality threshold may not be met.
    """

    old: str
    old_tier: str
    new: str
    new_tier: str
    calls: int
    below_quality: int = 0

    @property
    def words(self) -> str:
        """In one line of plain text."""
        moved = f"{self.calls:,} x {self.old} ({self.old_tier}) -> {self.new} ({self.new_tier})"
        return f"{moved}; {self.below_quality:,} may be below the quality threshold" if self.below_quality else moved

    def kept(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Sequence[Mapping[str, Any]]) -> list[Self]:
        """What was stored."""
        return [cls(**one) for one in stored]
