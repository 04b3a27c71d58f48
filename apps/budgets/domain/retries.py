"""When a delivery that failed is tried again: ever later, and not all at the same moment."""

from datetime import timedelta

# Twelve tries within three days, as receivers of webhooks expect.
WEBHOOK_WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 60, 300, 900, 3_600, 2 * 3_600, 4 * 3_600, 8 * 3_600, 14 * 3_600, 17 * 3_600, 22 * 3_600)
)
# A mail server that stumbles is most often back at once, so nine tries fall into the first six minutes; greylisting
# wants one after five. One that is away is asked once an hour, for three days in all.
MAIL_WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5, 10, 10, 20, 30, 60, 60, 120, 300, 600, 1_200, *[1_800] * 3, *[3_600] * 62)
)
JITTER = 0.1


def next_wait(waits: tuple[timedelta, ...], tries: int, *, chance: float) -> timedelta | None:
    """How long to wait after this many tries, a tenth more or less by `chance` in [0, 1); None when they were all."""
    if tries > len(waits):
        return None
    return waits[max(tries, 1) - 1] * (1 - JITTER + 2 * JITTER * chance)
