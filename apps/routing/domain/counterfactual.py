"""What calls cost, and what they would have cost under a baseline, added up in whole femto-dollars.

1. A call that failed, that was given up for another model, or that exists only for routing itself (a judge, a router)
   cost us something; the baseline is credited with nothing for it. So waste and overhead lower the saving.
2. A call that would have been the same (an embedding, an answer of the agent's own cache, one that a subscription
   covers, the baseline's own model) stands on both sides with what it cost.
3. Every other call stands at the baseline with its own tokens at the baseline's price. Where a switch of model lost the
   prompt cache, the baseline, which does not switch, is given the cache it would have kept.
4. What has no price on one of the sides is in neither; it is counted beside them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Literal

Kind = Literal["compared", "same", "waste", "overhead"]


@dataclass(slots=True)
class Sums:
    """Sums over calls; money in femto-dollars. `waste` and `overhead` are parts of `paid`.

    `elsewhere` is the part of `repriced` that another model than the baseline's served.
    """

    calls: int = 0
    compared_calls: int = 0
    paid: int = 0
    repriced: int = 0
    elsewhere: int = 0
    cache: int = 0
    waste: int = 0
    overhead: int = 0

    @property
    def baseline(self) -> int:
        """What the baseline would have cost."""
        return self.repriced - self.cache

    @property
    def saved(self) -> int:
        """Below 0: it cost more than the baseline."""
        return self.baseline - self.paid

    def add(self, kind: Kind, paid: int | None, repriced: int | None, *, cache: int = 0, calls: int = 1) -> None:
        """One call, or an imported sum of several."""
        self.calls += calls
        if kind != "compared":
            repriced = paid if kind == "same" else 0
            cache = 0
        if paid is None or repriced is None:
            return
        self.compared_calls += calls
        self.paid += paid
        self.repriced += repriced
        self.cache += min(cache, repriced)
        self.elsewhere += repriced if kind == "compared" else 0
        if kind == "waste":
            self.waste += paid
        elif kind == "overhead":
            self.overhead += paid


_values_of = attrgetter(*(field.name for field in fields(Sums)))


def added(parts: Iterable[Sums]) -> Sums:
    """Several sums as one."""
    found = [_values_of(part) for part in parts]
    return Sums(*map(sum, zip(*found, strict=True))) if found else Sums()
