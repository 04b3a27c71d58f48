"""The random weights of one proof, as SQL over rollup rows and records; fingerprints.py says what they prove."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apps.costs.domain.latency import COUNT_BITS, COUNT_MASK
from apps.costs.domain.measures import HISTOGRAMS, NARROW_SUMS, SUMS

PRIME = 2**31 - 1
COEFFICIENT_BITS = 21
# A doubled percent sign is one in SQL with parameters.
MOD = f"%% {PRIME}"
INTEGERS = tuple(name for name in SUMS if not name.endswith("_usd"))
NARROW_INTEGERS = tuple(name for name in NARROW_SUMS if not name.endswith("_usd"))


@dataclass(frozen=True, slots=True)
class Weights:
    """The random numbers of one proof, and the SQL that uses them."""

    seed: int
    coefficients: Mapping[str, int]

    @classmethod
    def drawn(cls) -> "Weights":
        """New ones; odd coefficients, so that none is 0."""
        names = (*INTEGERS, *HISTOGRAMS)
        return cls(secrets.randbits(60), {name: secrets.randbits(COEFFICIENT_BITS) | 1 for name in names})

    def combined(self, names: tuple[str, ...], value_of: Callable[[str], str]) -> str:
        """The integer measures of a row as one number; `value_of` gives the SQL of each."""
        return " + ".join(f"{self.coefficients[name]}::bigint * {value_of(name)}" for name in names)

    def of_cell(self, cell: str) -> str:
        """The weight of a row of the cube."""
        return f"(hashint8extended({cell}::bigint, {self.seed}) & {PRIME})"

    def of_place(self, project: str, model: str) -> str:
        """What the weights of narrow rows of a project and model begin with."""
        return f"hashint8extended(({project}::bigint << 32) + {model}, {self.seed + 1})"

    def of_slice(self, number: str, project: str, a: str, b: str) -> str:
        """The weight of a row of a day's slice."""
        place = f"hashint8extended(({project}::bigint << 32) + {number}, {self.seed + 3})"
        return f"(hashint8extended(({a}::bigint << 32) + {b}, {place}) & {PRIME})"

    def of_bin(self, number: str) -> str:
        """What one observation in this bin of a histogram counts."""
        return f"(hashint8extended({number}, {self.seed + 2}) & {2**COEFFICIENT_BITS - 1})"

    def of_record_bins(self, bins: Mapping[str, str]) -> str:
        """What a record adds to its histograms, as one number; `bins` gives the SQL of its bin of each."""
        return " + ".join(f"coalesce({self.coefficients[name]} * {self.of_bin(bins[name])}, 0)" for name in HISTOGRAMS)

    def of_row_bins(self, alias: str) -> str:
        """The histograms of a rollup row as one number; most have no or one entry."""
        return " + ".join(f"{self.coefficients[name]} * ({self._of_bins(f'{alias}.{name}')})" for name in HISTOGRAMS)

    def _of_bins(self, bins: str) -> str:
        def counted(entry: str) -> str:
            return f"({entry} & {COUNT_MASK}) * {self.of_bin(f'({entry} >> {COUNT_BITS})')}"

        several = f"(SELECT bursar_total({counted('entry')}) FROM unnest({bins}) AS entry)"
        return f"CASE cardinality({bins}) WHEN 0 THEN 0 WHEN 1 THEN {counted(f'{bins}[1]')} ELSE {several} END"
