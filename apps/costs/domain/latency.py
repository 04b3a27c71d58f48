"""A mergeable latency histogram: integer bin edges, so Python and PostgreSQL put a value into the same bin.

Bin i holds EDGES[i-1] <= value < EDGES[i]. Up to 25 ms every millisecond has its own bin; above, edges grow by 4 %,
so an estimate taken from the middle of a bin is within 2 % of some value in it. A histogram is an array of 64-bit
integers, bin * 2**40 + count; merging is concatenation, and a bin may occur more than once.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain
from math import ceil

import numpy as np
import numpy.typing as npt

RELATIVE_ERROR = 0.02
MAX_MS = 10**9
COUNT_BITS = 40
COUNT_MASK = (1 << COUNT_BITS) - 1


def _edges() -> tuple[int, ...]:
    edges = [0]
    while edges[-1] <= MAX_MS:
        edges.append(max(edges[-1] + 1, edges[-1] * 104 // 100))
    return tuple(edges)


EDGES = _edges()


def bin_of(milliseconds: int) -> int:
    """The 1-based bin of a value >= 0, the same number as SQL's width_bucket(value, EDGES)."""
    return bisect_right(EDGES, milliseconds)


def bin_middle(number: int) -> float:
    """The value, in ms, that stands for a bin: the middle between its smallest and largest whole millisecond."""
    low = EDGES[number - 1]
    high = EDGES[number] - 1 if number < len(EDGES) else low
    return (low + high) / 2


def packed(counts: dict[int, int]) -> list[int]:
    """Counts by bin as a stored histogram, ordered by bin."""
    return [(number << COUNT_BITS) + count for number, count in sorted(counts.items())]


def unpacked(histogram: Iterable[int]) -> dict[int, int]:
    """Counts by bin of a stored histogram, repeated bins added up."""
    counts: dict[int, int] = {}
    for entry in histogram:
        number = entry >> COUNT_BITS
        counts[number] = counts.get(number, 0) + (entry & COUNT_MASK)
    return counts


Histogram = npt.NDArray[np.int64]
"""Counts by bin, at the bin's number: many of them add up fast. Nobody changes one."""
NO_HISTOGRAM: Histogram = np.zeros(len(EDGES) + 1, np.int64)


def by_place(places: Sequence[int], stored: Sequence[Sequence[int]], many: int) -> list[Histogram]:
    """Stored histograms added up by the place each belongs to, of so many places."""
    sizes = [len(one) for one in stored]
    entries = np.fromiter(chain.from_iterable(stored), np.int64, sum(sizes))
    width = len(NO_HISTOGRAM)
    found = np.zeros(many * width, np.int64)
    bins = np.repeat(np.asarray(places, np.int64), sizes) * width + (entries >> COUNT_BITS)
    np.add.at(found, bins, entries & COUNT_MASK)
    return list(found.reshape(many, width))


def added(parts: Sequence[Histogram]) -> Histogram:
    """Histograms added up; one alone stays the same object."""
    if len(parts) == 1:
        return parts[0]
    return np.add.reduce(parts) if parts else NO_HISTOGRAM


def percentile_of(histogram: Histogram, share: float) -> float | None:
    """As `percentile`."""
    seen = np.cumsum(histogram)
    total = int(seen[-1])
    return bin_middle(int(np.searchsorted(seen, max(1, ceil(share * total))))) if total else None


def percentile(counts: dict[int, int], share: float) -> float | None:
    """The value in ms at rank ceil(share * n), the definition of PostgreSQL's percentile_disc, to within a bin.

    None for an empty histogram. 0 < share <= 1.
    """
    total = sum(counts.values())
    if total == 0:
        return None
    rank = max(1, ceil(share * total))
    seen = 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= rank:
            return bin_middle(number)
    raise AssertionError("a rank lies within the total")
