"""When somebody is told: at once, at the end of the quiet hours, or with the next digest."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

CRITICAL = "critical"
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Manner:
    """How one audience wants to be told. Equal quiet times, or none, are no quiet hours."""

    lowest: str = "info"
    digest_minutes: int = 0
    quiet_from: time | None = None
    quiet_until: time | None = None
    zone: str = "UTC"


def is_worth_telling(manner: Manner, severity: str) -> bool:
    """True unless it is milder than the audience wants to hear of."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(manner.lowest)


def due_at(manner: Manner, severity: str, now: datetime) -> datetime:
    """When to tell of something that happened now. What is critical waits for nothing."""
    if severity == CRITICAL:
        return now
    return after_quiet(manner, _next_digest(manner, now))


def _next_digest(manner: Manner, now: datetime) -> datetime:
    """The next full digest interval, counted from midnight UTC, so that everybody's digest gathers what it can."""
    if not manner.digest_minutes:
        return now
    interval = timedelta(minutes=manner.digest_minutes)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // interval + 1) * interval


def is_quiet(manner: Manner, moment: datetime) -> bool:
    """True within the quiet hours, by the clock on the wall."""
    return after_quiet(manner, moment) != moment


def after_quiet(manner: Manner, moment: datetime) -> datetime:
    """The moment itself, or the end of the quiet hours it falls into."""
    begins, ends = manner.quiet_from, manner.quiet_until
    if begins is None or ends is None or begins == ends:
        return moment
    local = moment.astimezone(ZoneInfo(manner.zone))
    clock = local.time()
    quiet = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
    if not quiet:
        return moment
    day = local.date() + timedelta(days=int(clock >= ends))
    # In the hour that the clock goes through twice, the end that is still to come.
    found = datetime.combine(day, ends, local.tzinfo).astimezone(UTC)
    return found if found > moment else datetime.combine(day, ends.replace(fold=1), local.tzinfo).astimezone(UTC)
