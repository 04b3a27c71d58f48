"""How many passwords may be tried. Counted before the hash is computed, so parallel guesses gain nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Tries within the last hour that failed or are still being checked."""

    free: int = 5
    first_delay: timedelta = timedelta(seconds=30)
    longest_delay: timedelta = timedelta(minutes=15)
    per_account: int = 20
    per_network: int = 50


def delay_after(failures: int, limits: Limits) -> timedelta:
    """The pause after so many failures: none for the first ones, then doubling up to the longest."""
    if failures < limits.free:
        return timedelta(0)
    doublings = min(failures - limits.free, 30)
    grown: timedelta = limits.first_delay * 2**doublings
    return min(grown, limits.longest_delay)


def growing_wait(moments: Sequence[datetime], now: datetime, limits: Limits) -> timedelta:
    """How long the next try must wait after failures at these moments, oldest first; zero if it may be made."""
    delay = delay_after(len(moments), limits)
    return max(timedelta(0), moments[-1] + delay - now) if delay else delay


def capped_wait(moments: Sequence[datetime], most: int, now: datetime) -> timedelta:
    """How long until fewer than `most` of these moments, oldest first, lie within the window."""
    if len(moments) < most:
        return timedelta(0)
    return max(timedelta(0), moments[len(moments) - most] + WINDOW - now)
