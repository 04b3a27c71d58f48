"""Savings as people read them: the card, the steps from the tokens to the saving, and rows by dimension."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.costs.domain.formats import money_column
from apps.costs.selectors.metrics import UsageQuery
from apps.routing.selectors.savings import NO_BASELINE, Saved, SavedRow, Savings, savings_of
from apps.routing.selectors.savings_quality import QualityBeside, quality_beside
from controlplane.viewstate import NO_VALUE


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the sum that leads to the saving."""

    label: str
    amount: str
    exact: Decimal
    note: str = ""
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The saving of one value of a dimension."""

    label: str
    saved: Saved
    paid: str
    baseline: str
    difference: str


def card(query: UsageQuery) -> dict[str, Any]:
    """What the card of the Overview says; a saving is never shown without the quality beside it."""
    found = savings_of(query)
    quality = None if found.why else quality_line(quality_beside(query, found.baselines))
    return {"found": found, "quality": quality, "undeclared": found.why == NO_BASELINE}


def steps(found: Savings) -> list[Step]:
    """From the same tokens at the baseline's price to what was saved; every line adds to the next sum."""
    whole = found.whole
    running = found.running_usd
    worked = whole.paid_usd - whole.waste_usd - whole.overhead_usd
    rows = [
        ("The same tokens at the baseline's price", whole.repriced_usd, "a proxy: it may need more tokens, or fewer",
         False),
        ("less the cache that switches of model lost", -whole.cache_usd, "the baseline would have kept it", False),
        ("The baseline would have cost", whole.baseline_usd, "", True),
        ("less calls that worked", -worked, "as they were billed", False),
        ("less failed and given-up calls", -whole.waste_usd, "the baseline is credited with none", False),
        ("less calls that only routing needs", -whole.overhead_usd, "judges, routers, compression", False),
        *([("less running Bursar", -running, "as it was declared", False)] if running else []),
        ("Saved", found.saved_usd, "", True),
    ]  # fmt: skip
    amounts = money_column([amount for _, amount, _, _ in rows])
    return [Step(label, shown, exact, note, is_sum)
            for (label, exact, note, is_sum), shown in zip(rows, amounts, strict=True)]  # fmt: skip


def lines(rows: Sequence[SavedRow], *, most: int) -> list[Line]:
    """Rows of one dimension, those that saved most first, those that lost most last."""
    ordered = sorted(
        (row for row in rows if row.saved.compared_calls), key=lambda row: (-row.saved.saved_usd, row.values)
    )
    kept = ordered if len(ordered) <= most else [*ordered[: most // 2], *ordered[-(most - most // 2) :]]
    columns = [
        money_column([getattr(row.saved, name) for row in kept]) for name in ("paid_usd", "baseline_usd", "saved_usd")
    ]
    return [Line(row.values[0] or NO_VALUE, row.saved, *amounts) for row, *amounts in zip(kept, *columns, strict=True)]


@dataclass(frozen=True, slots=True)
class QualityLine:
    """The quality beside a saving: what was achieved, what the baseline would have, and what cannot be said."""

    reached: Decimal | None
    judged: int
    tasks: int
    expected: Any
    points: Decimal | None
    why_unknown: str


def quality_line(beside: QualityBeside) -> QualityLine:
    """The success of judged tasks and that expected of the baseline, in words where one is unknown."""
    tasks, expected = beside.tasks, beside.baseline
    reached = tasks.completion_rate
    points = None if reached is None or expected is None else (reached - expected.mean) * 100
    why = ""
    if expected is None:
        why = (
            "a policy's quality is not kept by itself"
            if beside.model is None
            else f"{'/'.join(beside.model)} has fewer than 20 judged tasks of these kinds"
        )
    return QualityLine(reached, tasks.judged_tasks, tasks.tasks, expected, points, why)
