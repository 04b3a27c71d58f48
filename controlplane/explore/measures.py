"""What can be measured: each measure is computed from sums and histograms that add up exactly, and only then divided.

So "Other", totals and running totals of a rate are the rate of the sums, never a mean of rates.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.costs.domain import formats
from apps.costs.domain.latency import percentile
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import Totals

Counts = dict[int, int]


class Unit(StrEnum):
    """What the values of a measure are."""

    USD = "usd"
    COUNT = "count"
    TOKENS = "tokens"
    SHARE = "share"
    MS = "ms"


@dataclass(frozen=True, slots=True)
class Cell:
    """All usage of one group, or of one piece of time: sums, and a histogram where a measure needs one."""

    totals: Totals
    counts: Counts


Value = Decimal | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure; `needs` are the sums it is computed from, `how` its entry on the page of formulas.

    Values of an additive measure may be stacked and added up; of others only the cells may.
    """

    key: str
    label: str
    unit: Unit
    needs: tuple[str, ...]
    of: Callable[[Cell], Value]
    how: str
    is_additive: bool = True

    @property
    def reads_histogram(self) -> bool:
        """Whether it is computed from the histogram of latency."""
        return self.needs[0].endswith("_bins")

    @property
    def column(self) -> str:
        """Its name in files, with the unit."""
        return self.key if self.unit is not Unit.SHARE else f"{self.key}_percent"


def merged(cells: Iterable[Cell]) -> Cell:
    """Several groups or pieces as one."""
    found = list(cells)
    if len(found) == 1:
        return found[0]
    return Cell(metrics.added([cell.totals for cell in found]), metrics.merged(cell.counts for cell in found))


def _summed(key: str, label: str, unit: Unit = Unit.TOKENS, how: str = "tokens") -> Measure:
    return Measure(key, label, unit, (key,), lambda cell: Decimal(getattr(cell.totals, key)), how)


def _ratio(part: Callable[[Totals], Decimal | int], whole: Callable[[Totals], int]) -> Callable[[Cell], Value]:
    def of(cell: Cell) -> Value:
        divisor = whole(cell.totals)
        return Decimal(part(cell.totals)) / divisor if divisor > 0 else None

    return of


def _percentile(share: str) -> Callable[[Cell], Value]:
    def of(cell: Cell) -> Value:
        found = percentile(cell.counts, float(share))
        return None if found is None else Decimal(str(found))

    return of


def _latency(key: str, label: str, share: str, column: str = "latency_bins") -> Measure:
    return Measure(key, label, Unit.MS, (column,), _percentile(share), "latency", is_additive=False)


_ALL = (
    _summed("cost_usd", "Spend", Unit.USD, "spend"),
    Measure(
        "cost_per_call",
        "Spend per call",
        Unit.USD,
        ("cost_usd", "calls", "unpriced_calls"),
        _ratio(lambda sums: sums.cost_usd, lambda sums: sums.calls - sums.unpriced_calls),
        "per-call",
        is_additive=False,
    ),
    _summed("calls", "Calls", Unit.COUNT, "calls"),
    _summed("tool_executions", "Tool executions", Unit.COUNT, "calls"),
    _summed("unpriced_calls", "Unpriced calls", Unit.COUNT, "spend"),
    _summed("error_calls", "Failed calls", Unit.COUNT, "success"),
    _summed("repeated_calls", "Repeated calls", Unit.COUNT, "calls"),
    Measure(
        "success_rate",
        "Success rate",
        Unit.SHARE,
        ("ok_calls", "error_calls"),
        _ratio(lambda sums: sums.ok_calls, lambda sums: sums.ok_calls + sums.error_calls),
        "success",
        is_additive=False,
    ),
    Measure(
        "tokens",
        "Tokens",
        Unit.TOKENS,
        ("input_tokens", "output_tokens"),
        lambda cell: Decimal(cell.totals.input_tokens + cell.totals.output_tokens),
        "tokens",
    ),
    _summed("input_tokens", "Input tokens"),
    _summed("output_tokens", "Output tokens"),
    _summed("cache_read_input_tokens", "Cache read tokens"),
    _summed("cache_creation_input_tokens", "Cache write tokens"),
    _summed("reasoning_output_tokens", "Reasoning tokens"),
    Measure(
        "cache_read_share",
        "Cache read share",
        Unit.SHARE,
        ("cache_read_input_tokens", "input_tokens"),
        _ratio(lambda sums: sums.cache_read_input_tokens, lambda sums: sums.input_tokens),
        "tokens",
        is_additive=False,
    ),
    _latency("latency_p50", "Latency p50", "0.5"),
    _latency("latency_p95", "Latency p95", "0.95"),
    _latency("first_token_p50", "Time to first token p50", "0.5", "first_token_bins"),
)
MEASURES = {measure.key: measure for measure in _ALL}
DEFAULT = _ALL[0]


def written(values: Sequence[Value], unit: Unit) -> list[str]:
    """The values of one column for a person's eye; what is not known reads as a dash."""
    if unit is Unit.USD:
        known = formats.money_column(values)
        return [formats.NONE if value is None else text for value, text in zip(values, known, strict=True)]
    return [formats.NONE if value is None else _WORDS[unit](value) for value in values]


def exact(value: Value, unit: Unit) -> str:
    """One value in full, for titles."""
    if value is None:
        return formats.NONE
    return formats.money_exact(value) if unit is Unit.USD else _EXACT[unit](value)


def plain(value: Value, unit: Unit) -> str:
    """One value for a file: a plain decimal without exponent; rates in percent, unknown is empty."""
    if value is None:
        return ""
    number = value * 100 if unit is Unit.SHARE else value
    return f"{number.normalize():f}" if number else "0"


_WORDS: dict[Unit, Callable[[Decimal], str]] = {
    Unit.COUNT: lambda value: formats.count(int(value)),
    Unit.TOKENS: lambda value: formats.tokens(int(value)),
    Unit.SHARE: lambda value: formats.percent(value, 1),
    Unit.MS: formats.duration,
}
_EXACT: dict[Unit, Callable[[Decimal], str]] = _WORDS | {Unit.TOKENS: lambda value: formats.count(int(value))}
