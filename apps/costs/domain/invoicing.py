"""What a provider billed, how far it is from our own total, and the error bar that follows for every total.

The error of a provider is Σ |billed - ours| over its covered months ÷ Σ billed: months are not set off against each
other. A provider without invoices is given the error of all covered months together. The error bar of a total is the
sum over providers of cost × error; as a share it is that sum ÷ the total.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from .calendars import day_start
from .providers import canonical_provider

MAX_USD = Decimal(10) ** 12
DECIMALS = 15
MAX_DAYS = 366
MAX_NOTE = 500
MAX_NAME = 128
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, with a code for machines."""

    path: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Billed:
    """What a provider billed in USD for local days of its bill's zone, both included; `model` "" is all its models."""

    provider: str
    model: str
    first_day: date
    last_day: date
    zone: str
    amount_usd: Decimal
    note: str = ""

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return day_start(self.first_day, ZoneInfo(self.zone))

    @property
    def end(self) -> datetime:
        """The first instant after it, in UTC."""
        return day_start(self.last_day + timedelta(days=1), ZoneInfo(self.zone))

    @property
    def days(self) -> int:
        """How many local days."""
        return (self.last_day - self.first_day).days + 1

    def overlaps(self, other: "Billed") -> bool:
        """Whether both would count the same spend."""
        same = self.provider == other.provider and (self.model == other.model or "" in (self.model, other.model))
        return same and self.start < other.end and other.start < self.end

    def cleaned(self) -> "Billed":
        """The same with the provider's canonical id and without blanks around the texts."""
        return Billed(
            canonical_provider(self.provider), self.model.strip(), self.first_day, self.last_day, self.zone.strip(),
            self.amount_usd, self.note.strip(),
        )  # fmt: skip


def faults(billed: Billed) -> list[Fault]:
    """Everything that keeps it from being stored."""
    found = []
    if not billed.provider.strip():
        found.append(Fault("provider", "missing", "provider is required."))
    for path, text, most in (
        ("provider", billed.provider, MAX_NAME),
        ("model", billed.model, MAX_NAME),
        ("note", billed.note, MAX_NOTE),
    ):
        if len(text) > most:
            found.append(Fault(path, "too_long", f"At most {most} characters."))
        if "\0" in text:
            found.append(Fault(path, "nul", "The character U+0000 cannot be stored."))
    if billed.last_day < billed.first_day:
        found.append(Fault("last_day", "order", "The last day is before the first."))
    elif billed.days > MAX_DAYS:
        found.append(Fault("last_day", "too_long", f"One line covers at most {MAX_DAYS} days; this one {billed.days}."))
    if not _is_zone(billed.zone):
        found.append(Fault("zone", "zone", "Expected an IANA time zone like Europe/Berlin."))
    if not (billed.amount_usd.is_finite() and 0 <= billed.amount_usd < MAX_USD):
        found.append(Fault("amount_usd", "money", "Expected an amount in USD, 0 or more, below 10^12."))
    elif -int(billed.amount_usd.as_tuple().exponent) > DECIMALS:
        found.append(Fault("amount_usd", "money", f"At most {DECIMALS} decimals."))
    return found


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)


@dataclass(frozen=True, slots=True)
class Compared:
    """A line's two totals, in USD; the month is that of its first day."""

    provider: str
    month: date
    billed: Decimal
    ours: Decimal


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """The error of every covered provider as a share, and of all covered months together."""

    by_provider: Mapping[str, Decimal]
    overall: Decimal
    lines: int

    def bar(self, cost_by_provider: Mapping[str, Decimal]) -> "ErrorBar":
        """The error bar of a total."""
        total = sum(cost_by_provider.values(), ZERO)
        error = sum(
            (cost * self.by_provider.get(provider, self.overall) for provider, cost in cost_by_provider.items()), ZERO
        )
        covered = sum((cost for provider, cost in cost_by_provider.items() if provider in self.by_provider), ZERO)
        return ErrorBar(total, error, covered, self.lines)


@dataclass(frozen=True, slots=True)
class ErrorBar:
    """How far a total may be off, in USD; `covered` is the part of it at providers that have invoices."""

    total: Decimal
    error: Decimal
    covered: Decimal
    lines: int

    @property
    def percent(self) -> Decimal:
        """The error in percent of the total, rounded up to a tenth: an error bar is never shown too small."""
        return ZERO if not self.total else _tenth_up(100 * self.error / self.total)

    @property
    def covered_percent(self) -> Decimal:
        """How much of the total is at providers that have invoices."""
        return ZERO if not self.total else (100 * self.covered / self.total).quantize(Decimal(1))


def _tenth_up(percent: Decimal) -> Decimal:
    return percent.quantize(Decimal("0.1"), rounding="ROUND_CEILING")


def error_rates(lines: Iterable[Compared]) -> ErrorRates | None:
    """The errors that lines tell; None while nothing above 0 was billed."""
    sums: defaultdict[str, dict[date, list[Decimal]]] = defaultdict(dict)
    count = 0
    for line in lines:
        month = sums[line.provider].setdefault(line.month, [ZERO, ZERO])
        month[0] += line.billed
        month[1] += line.ours
        count += 1
    apart = {
        provider: (sum(abs(b - o) for b, o in months.values()) or ZERO, sum(b for b, _ in months.values()) or ZERO)
        for provider, months in sums.items()
    }
    billed = sum((total for _, total in apart.values()), ZERO)
    if not billed:
        return None
    by_provider = {provider: off / total for provider, (off, total) in apart.items() if total}
    return ErrorRates(by_provider, sum((off for off, _ in apart.values()), ZERO) / billed, count)
