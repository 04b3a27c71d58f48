"""Counters that only rise, from sums that may fall.

A sum over the database falls when a price is corrected, when old months are dropped or a project is removed. A counter
of Prometheus must not: a fall is taken for a restart, and the whole of what follows for new. So each counter remembers
what it lost, and shows sum + lost: it stands still where the sum falls and rises by exactly what is added after that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

Key = tuple[str, ...]
Found = Mapping[Key, Mapping[str, Decimal]]
REST = "(other)"
"""What every label of the row says that adds up the groups without a series of their own."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter: the sum as it was last read, and by how much it fell so far."""

    found: Decimal
    lost: Decimal = Decimal(0)

    @property
    def shown(self) -> Decimal:
        """What the counter says; never less than before."""
        return self.found + self.lost

    def moved(self, found: Decimal) -> "Counter":
        """The counter once the sum is read again."""
        return Counter(found, self.lost + max(self.found - found, Decimal(0)))


Counters = Mapping[Key, Mapping[str, Counter]]


def risen(before: Counters, found: Found, *, most: int) -> dict[Key, dict[str, Counter]]:
    """The counters of one dimension after its sums were read again, at most `most` series and one for the rest.

    1. A group with a series keeps it; one that is gone loses it, so that a renamed group does not count twice.
    2. Free places go to the groups with the most calls.
    3. All others are added up under REST, which a group leaves when it gets a place: REST then stands still.
    """
    kept = [key for key in before if key in found and key[0] != REST]
    waiting = sorted(
        (key for key in found if key not in before and key[0] != REST), key=lambda key: (-found[key]["calls"], key)
    )
    named = {*kept, *waiting[: max(0, most - len(kept))]}
    sums = {key: dict(found[key]) for key in found if key in named}
    rest = [found[key] for key in found if key not in named]
    gone = next((key for key in before if key[0] == REST), None)
    if rest or gone:
        key = gone or (REST,) * len(next(iter(found)))
        names = rest[0] if rest else before[key]
        sums[key] = {name: sum((row[name] for row in rest), Decimal(0)) for name in names}
    return {key: {name: _moved(before, key, name, value) for name, value in row.items()} for key, row in sums.items()}


def _moved(before: Counters, key: Key, name: str, found: Decimal) -> Counter:
    known = before.get(key, {}).get(name)
    return known.moved(found) if known else Counter(found)
