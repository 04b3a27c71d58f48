"""Everything a statement says, read in one snapshot, so that every table adds up to the total."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from apps.costs.domain.formats import money_column, money_exact, percent
from apps.costs.domain.invoicing import ErrorBar
from apps.costs.selectors import metrics
from apps.costs.selectors.currencies import Converted, converted
from apps.costs.selectors.invoices import error_bar
from apps.costs.selectors.metrics import GroupRow, Totals, UsageQuery
from apps.costs.selectors.subscriptions import FeeRow, fees_usd, subscription_costs
from controlplane.figures import known_spend
from controlplane.viewstate import NO_VALUE, dimension_name

DIMENSIONS = ("project", "agent", "model", "task_type")
MOST_ROWS = 40
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table, as it is written on paper."""

    name: str
    spend: str
    exact: str
    share: str
    totals: Totals

    @property
    def tokens(self) -> int:
        """Input and output."""
        return self.totals.input_tokens + self.totals.output_tokens


@dataclass(frozen=True, slots=True)
class Part:
    """The month by one dimension, dearest first; `rows` are all groups, `lines` those on paper with the rest."""

    dimension: str
    heading: str
    rows: list[GroupRow]
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Statement:
    """What one month cost; `fees` is None for who sees only some projects, and for a filtered statement."""

    totals: Totals
    before_usd: Decimal
    parts: list[Part]
    fees: list[FeeRow] | None
    unpriced: list[GroupRow]
    error_bar: ErrorBar | None
    converted: Converted | None
    demo_calls: int

    @property
    def fees_usd(self) -> Decimal:
        """What subscriptions cost."""
        return fees_usd(self.fees or ())

    @property
    def whole_usd(self) -> Decimal:
        """Calls and subscriptions together."""
        return self.totals.cost_usd + self.fees_usd


def statement(query: UsageQuery, before: UsageQuery, *, now: datetime) -> Statement:
    """The statement of a query's time; `before` asks for the month before it."""
    with metrics.one_snapshot():
        parts = [_part(query, name) for name in DIMENSIONS]
        models = next(part.rows for part in parts if part.dimension == "model")
        totals = metrics.added([row.totals for row in models])
        fees = subscription_costs(query, now=now)
        whole = totals.cost_usd + fees_usd(fees or ())
        return Statement(
            totals=totals,
            before_usd=_spend(before),
            parts=parts,
            fees=fees,
            unpriced=[row for row in models if row.totals.unpriced_calls],
            error_bar=error_bar(query, now=now),
            converted=converted(query, whole, now=now, with_fees=True),
            demo_calls=_demo_calls(query, totals),
        )


def _spend(query: UsageQuery) -> Decimal:
    return sum((row.totals.cost_usd for row in metrics.grouped(query, (), edges=())), ZERO)


def _demo_calls(query: UsageQuery, totals: Totals) -> int:
    """How many calls of demo projects are left out."""
    if query.include_demo:
        return 0
    every = metrics.grouped(replace(query, include_demo=True), (), edges=())
    return sum(row.totals.calls for row in every) - totals.calls


def _part(query: UsageQuery, dimension: str) -> Part:
    rows = metrics.grouped(query, (dimension,), edges=())
    rows.sort(key=lambda row: (-row.totals.cost_usd, -row.totals.calls, row.values))
    kept = rows if len(rows) <= MOST_ROWS + 1 else rows[:MOST_ROWS]
    named = [(row.values[0] or NO_VALUE, row.totals) for row in kept]
    if rest := rows[len(kept) :]:
        named.append((f"Other ({len(rest)})", metrics.added([row.totals for row in rest])))
    return Part(dimension, dimension_name(dimension), rows, _lines(named))


def _lines(named: Sequence[tuple[str, Totals]]) -> list[Line]:
    spends = money_column([known_spend(totals) for _, totals in named])
    whole = sum((totals.cost_usd for _, totals in named), ZERO)
    return [
        Line(name, spend, money_exact(known_spend(totals)), percent(totals.cost_usd, whole), totals)
        for (name, totals), spend in zip(named, spends, strict=True)
    ]
