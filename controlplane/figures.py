"""The five figures on top of the Overview, and the tables below it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.urls import reverse

from apps.costs.domain.formats import Delta, delta, money_column, money_exact, percent
from apps.costs.selectors.metrics import OTHER, BreakdownRow, GroupRow, SeriesRow, Totals
from controlplane.viewstate import DIMENSIONS, NO_VALUE, ViewState

MOST_ROWS = 10
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Moved:
    """How spend and calls moved against the earlier period; `words` name what it is compared with."""

    spend: Delta | None
    calls: Delta | None
    was_spend: Decimal
    was_calls: int
    words: str


def moved(current: Sequence[SeriesRow], previous: Sequence[SeriesRow], words: str) -> Moved:
    """Compares the elapsed part of a period (`current`) with the same part of the earlier one."""
    spend, calls = _sum(current)
    was_spend, was_calls = _sum(previous)
    return Moved(delta(spend, was_spend), delta(calls, was_calls), was_spend, was_calls, words)


def _sum(rows: Sequence[SeriesRow]) -> tuple[Decimal, int]:
    return sum((row.totals.cost_usd for row in rows), _ZERO), sum(row.totals.calls for row in rows)


@dataclass(frozen=True, slots=True)
class TokenPart:
    """A disjoint part of all tokens, for the bar: where it starts and how wide it is, in percent."""

    name: str
    tokens: int
    slot: int
    start: str
    width: str


def token_parts(totals: Totals) -> list[TokenPart]:
    """Tokens by kind, disjoint: cached input is taken out of input, reasoning out of output."""
    cached = totals.cache_read_input_tokens
    written = totals.cache_creation_input_tokens
    reasoning = totals.reasoning_output_tokens
    kinds = [
        ("fresh input", totals.input_tokens - cached - written, 1),
        ("cache read", cached, 6),
        ("cache write", written, 4),
        ("output", totals.output_tokens - reasoning, 2),
        ("reasoning", reasoning, 5),
    ]
    whole, start, parts = totals.input_tokens + totals.output_tokens, _ZERO, []
    for name, tokens, slot in kinds:
        width = Decimal(tokens) * 100 / whole if whole else _ZERO
        parts.append(TokenPart(name, tokens, slot, f"{start:.2f}", f"{width:.2f}"))
        start += width
    return parts


@dataclass(frozen=True, slots=True)
class TableRow:
    """One group of a table; `url` toggles it as a filter and is "" for the rest that is summed up."""

    label: str
    url: str
    is_filter: bool
    slot: int | None
    spend: str
    exact: str
    share: str
    share_width: str
    per_call: str
    success: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Table:
    """Usage by one dimension, dearest first, adding up to `totals`."""

    dimension: str
    heading: str
    title: str
    csv_url: str
    rows: list[TableRow]


def table(
    title: str, dimension: str, rows: Sequence[BreakdownRow], state: ViewState, slots: dict[str, int] | None = None
) -> Table:
    """A table whose rows are links that filter. `slots` are the colours of the chart where it shows the same groups."""
    rows = [row for row in rows if dimension != "model" or not _is_executions(row)] or rows
    whole = sum((row.totals.cost_usd for row in rows), _ZERO)
    spends = money_column([known_spend(row.totals) for row in rows])
    each = money_column([_per_call(row.totals) for row in rows])
    make = _maker(dimension, state, slots or {}, whole)
    return Table(
        dimension,
        DIMENSIONS[dimension],
        title,
        state.url(reverse("overview-csv"), table=dimension),
        [make(row, *cells) for row, *cells in zip(rows, spends, each, strict=True)],
    )


def known_spend(totals: Totals) -> Decimal | None:
    """Spend, or None where no call has a known cost."""
    return None if totals.calls and totals.unpriced_calls == totals.calls and not totals.cost_usd else totals.cost_usd


def _per_call(totals: Totals) -> Decimal | None:
    """Spend over the calls whose cost is known; None where there is none."""
    priced = totals.calls - totals.unpriced_calls
    return totals.cost_usd / priced if priced > 0 else None


def _is_executions(row: BreakdownRow) -> bool:
    """Whether it is nothing but executions of tools without a cost, which have no model, and a table of their own."""
    return row.key in ("", OTHER) and not row.totals.calls and not row.totals.cost_usd


def _maker(
    dimension: str, state: ViewState, slots: dict[str, int], whole: Decimal
) -> Callable[[BreakdownRow, str, str], TableRow]:
    def make(row: BreakdownRow, spend: str, per_call: str) -> TableRow:
        is_rest = row.key == OTHER
        cost = row.totals.cost_usd
        return TableRow(
            label=row.label or NO_VALUE,
            url="" if is_rest else state.toggled(dimension, row.key).url(),
            is_filter=not is_rest and state.has(dimension, row.key),
            slot=slots.get(row.key, 0) if slots else None,
            spend=spend,
            exact=money_exact(cost),
            share=percent(cost, whole),
            share_width=f"{cost * 100 / whole if whole else _ZERO:.2f}",
            per_call=per_call,
            success=percent(row.totals.ok_calls, row.totals.ok_calls + row.totals.error_calls),
            totals=row.totals,
        )

    return make


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One tool: what its executions and the calls on its behalf cost; `url` leads to their records."""

    label: str
    url: str
    spend: str
    exact: str
    totals: Totals


def tool_rows(rows: Sequence[GroupRow], state: ViewState) -> list[ToolRow]:
    """The tools that cost most."""
    kept = sorted(rows, key=lambda row: (-row.totals.cost_usd, -row.totals.tool_executions, row.values))[:MOST_ROWS]
    spends = money_column([row.totals.cost_usd for row in kept])
    path = reverse("explore-records")
    return [
        ToolRow(
            row.values[0],
            state.only("tool", row.values[0]).url(path),
            spend,
            money_exact(row.totals.cost_usd),
            row.totals,
        )
        for row, spend in zip(kept, spends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model with calls whose cost is unknown."""

    model: str
    calls: int
    tokens: int
    url: str


def unpriced_models(rows: Sequence[BreakdownRow], state: ViewState) -> list[Unpriced]:
    """The models with unpriced calls, most calls first."""
    found = [
        Unpriced(
            row.key or NO_VALUE,
            row.totals.unpriced_calls,
            row.totals.input_tokens + row.totals.output_tokens,
            state.without_filters().toggled("model", row.key).url(),
        )
        for row in rows
        if row.totals.unpriced_calls
    ]
    return sorted(found, key=lambda one: (-one.calls, one.model))
