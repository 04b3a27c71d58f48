"""What can be measured: each measure is computed from sums and histograms that add up exactly, and only then divided.

So "Other", totals and running totals of a rate are the rate of the sums, never a mean of rates.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from apps.costs.domain import formats
from apps.costs.domain.latency import NO_HISTOGRAM, Histogram, percentile_of
from apps.costs.selectors import metrics
from apps.costs.selectors.metrics import TaskTotals, Totals, WasteTotals


class Unit(StrEnum):
    """What the values of a measure are."""

    USD = "usd"
    COUNT = "count"
    TOKENS = "tokens"
    SHARE = "share"
    MS = "ms"


class Source(StrEnum):
    """What a measure is read from."""

    SUMS = "sums"
    HISTOGRAM = "histogram"
    TASKS = "tasks"
    FAILED = "failed"
    WASTE = "waste"


@dataclass(frozen=True, slots=True)
class Cell:
    """All usage of one group, or of one piece of time: what a measure's source says of it, the rest empty."""

    totals: Totals = Totals()
    counts: Histogram = field(default_factory=lambda: NO_HISTOGRAM, compare=False)
    tasks: TaskTotals = TaskTotals()
    waste: WasteTotals = WasteTotals()


Value = Decimal | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure; `needs` are the sums it is computed from, `how` its entry on the page of formulas.

    Values of an additive measure may be stacked and added up; of others only the cells may. What a group is of all
    usage in the same time is a `is_share`: `of` gives the part, and `out_of` divides it.
    """

    key: str
    label: str
    unit: Unit
    needs: tuple[str, ...]
    of: Callable[[Cell], Value]
    how: str
    is_additive: bool = True
    source: Source = Source.SUMS
    is_share: bool = False

    def out_of(self, value: Value, whole: Value) -> Value:
        """A value as it is shown, beside that of all usage in the same time."""
        if not self.is_share or value is None:
            return value
        return value / whole if whole else None

    @property
    def column(self) -> str:
        """Its name in files, with the unit."""
        return self.key if self.unit is not Unit.SHARE else f"{self.key}_percent"


NOTHING = Cell()
"""A cell without any usage; most pieces of time of most groups are this one."""


def merged(cells: Iterable[Cell]) -> Cell:
    """Several groups or pieces as one."""
    found = [cell for cell in cells if cell is not NOTHING]
    if len(found) < 2:
        return found[0] if found else NOTHING
    # What the source of a measure does not tell is in every cell the same empty thing.
    has_sums = any(cell.totals is not NOTHING.totals for cell in found)
    has_tasks = any(cell.tasks is not NOTHING.tasks for cell in found)
    has_waste = any(cell.waste is not NOTHING.waste for cell in found)
    return Cell(
        metrics.added([cell.totals for cell in found]) if has_sums else NOTHING.totals,
        metrics.merged(cell.counts for cell in found),
        metrics.task_totals(cell.tasks for cell in found) if has_tasks else NOTHING.tasks,
        metrics.waste_totals(cell.waste for cell in found) if has_waste else NOTHING.waste,
    )


def _summed(key: str, label: str, unit: Unit = Unit.TOKENS, how: str = "tokens") -> Measure:
    return Measure(key, label, unit, (key,), lambda cell: Decimal(getattr(cell.totals, key)), how)


def _ratio(part: Callable[[Totals], Decimal | int], whole: Callable[[Totals], int]) -> Callable[[Cell], Value]:
    def of(cell: Cell) -> Value:
        divisor = whole(cell.totals)
        return Decimal(part(cell.totals)) / divisor if divisor > 0 else None

    return of


def _percentile(share: str) -> Callable[[Cell], Value]:
    def of(cell: Cell) -> Value:
        found = percentile_of(cell.counts, float(share))
        return None if found is None else Decimal(str(found))

    return of


def _rate(
    key: str,
    label: str,
    part: str,
    whole: Callable[[Totals], int],
    how: str,
    *,
    needs: tuple[str, ...],
    unit: Unit = Unit.SHARE,
) -> Measure:
    return Measure(
        key, label, unit, (part, *needs), _ratio(lambda sums: getattr(sums, part), whole), how, is_additive=False
    )


def _latency(key: str, label: str, share: str, column: str = "latency_bins", how: str = "latency") -> Measure:
    return Measure(key, label, Unit.MS, (column,), _percentile(share), how, is_additive=False, source=Source.HISTOGRAM)


def _tasks(
    key: str, label: str, unit: Unit, of: Callable[[TaskTotals], Value | int], how: str, *, adds_up: bool = False
) -> Measure:
    def value(cell: Cell) -> Value:
        found = of(cell.tasks)
        return None if found is None else Decimal(found)

    return Measure(key, label, unit, (), value, how, is_additive=adds_up, source=Source.TASKS)


def _share(key: str, label: str, of_name: str) -> Measure:
    return Measure(
        key,
        label,
        Unit.SHARE,
        (of_name,),
        lambda cell: Decimal(getattr(cell.totals, of_name)),
        "utilisation",
        is_share=True,
    )


def _wasted(
    key: str, label: str, unit: Unit, of: Callable[[WasteTotals], Decimal | int], source: Source = Source.WASTE
) -> Measure:
    return Measure(key, label, unit, (), lambda cell: Decimal(of(cell.waste)), "waste", source=source)


def _repeated(key: str, label: str, of: Callable[[WasteTotals], int]) -> Measure:
    def value(cell: Cell) -> Value:
        observed = cell.waste.observed_calls
        return Decimal(of(cell.waste)) / observed if observed else None

    return Measure(key, label, Unit.SHARE, (), value, "repeats", is_additive=False, source=Source.WASTE)


def _ended(sums: Totals) -> int:
    return sums.ok_calls + sums.error_calls


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
    _share("calls_share", "Utilisation, share of calls", "calls"),
    _share("cost_share", "Utilisation, share of spend", "cost_usd"),
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
        "cache",
        is_additive=False,
    ),
    _latency("latency_p50", "Latency p50", "0.5"),
    _latency("latency_p95", "Latency p95", "0.95"),
    _latency("latency_p99", "Latency p99", "0.99"),
    _rate("latency_mean", "Latency, mean", "latency_ms_sum", lambda sums: sums.latency_calls, "latency",
          needs=("latency_calls",), unit=Unit.MS),
    _latency("first_token_p50", "Time to first token p50", "0.5", "first_token_bins", "first-token"),
    _latency("first_token_p95", "Time to first token p95", "0.95", "first_token_bins", "first-token"),
    _rate("error_rate", "Error rate", "error_calls", _ended, "success", needs=("ok_calls",)),
    _rate("repeat_rate", "Repeated calls, share", "repeated_calls", lambda sums: sums.observed_calls, "repeats",
          needs=("observed_calls",)),
    _repeated("retry_rate", "Retry rate", lambda waste: waste.retries),
    _repeated("failover_rate", "Failover rate", lambda waste: waste.failovers),
    _tasks("tasks", "Tasks", Unit.COUNT, lambda tasks: tasks.tasks, "tasks", adds_up=True),
    _tasks("judged_tasks", "Tasks judged", Unit.COUNT, lambda tasks: tasks.judged_tasks, "tasks", adds_up=True),
    _tasks("completion_rate", "Task completion rate", Unit.SHARE, lambda tasks: tasks.completion_rate, "tasks"),
    _tasks("cost_per_success", "Cost per successful task", Unit.USD, lambda tasks: tasks.usd_per_success,
           "per-success"),
    _tasks("failed_tasks_usd", "Spend on failed tasks", Unit.USD, lambda tasks: tasks.failed_usd, "failed-tasks",
           adds_up=True),
    _tasks("tokens_per_success", "Tokens per completed task", Unit.TOKENS, lambda tasks: tasks.tokens_per_success,
           "per-success"),
    _tasks("quality", "Quality", Unit.SHARE, lambda tasks: tasks.quality, "quality"),
    _summed("cache_hits", "Response cache hits", Unit.COUNT, "response-cache"),
    _rate("cache_hit_rate", "Response cache hit rate", "cache_hits", lambda sums: sums.calls, "response-cache",
          needs=("calls",)),
    _summed("avoided_usd", "Saved by response cache", Unit.USD, "response-cache"),
    _wasted("waste_usd", "Waste", Unit.USD, lambda waste: waste.usd),
    _wasted("failed_usd", "Waste: failed calls", Unit.USD, lambda waste: waste.failed_usd, Source.FAILED),
    _wasted("failover_usd", "Waste: failovers", Unit.USD, lambda waste: waste.failover_usd),
    _wasted("missed_usd", "Waste: cache misses", Unit.USD, lambda waste: waste.missed_usd),
    _wasted("missed_tokens", "Missed cache tokens", Unit.TOKENS, lambda waste: waste.missed_tokens),
)  # fmt: skip
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
