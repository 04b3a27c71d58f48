"""Which colour a name has in charts: the same on every page, whatever its rank."""

from collections.abc import Mapping

MOST_SERIES = 6
OTHER_SLOT = 0


def slots(numbers: Mapping[str, int]) -> dict[str, int]:
    """A colour for each group of one chart, by the order in which the installation first saw them.

    The n-th name ever seen prefers colour n (from the seventh on counting again from one); where two meet, the one
    seen first keeps it. So the same groups have the same colours whatever their rank, in every period.
    """
    taken: dict[int, str] = {}
    for name in sorted(numbers, key=lambda name: numbers[name]):
        wish = (numbers[name] - 1) % MOST_SERIES
        free = next(slot for step in range(MOST_SERIES) if (slot := (wish + step) % MOST_SERIES) not in taken)
        taken[free] = name
    return {name: slot + 1 for slot, name in taken.items()}
