"""The saving as the metrics API tells it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.costs.extension_points import SavingAnswer
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.routing.selectors.savings import Saved, Savings, savings_of


def told_saving(query: UsageQuery, group_by: Sequence[str], edges: Sequence[datetime]) -> SavingAnswer:
    """What `/api/metrics/efficiency` says of a query; amounts of `rows` add up to those of `totals`."""
    try:
        found = savings_of(query, group_by, edges=edges)
    except BadQuery as error:
        return SavingAnswer(why=error.message, path=error.path)
    if found.why:
        return SavingAnswer(why=found.why)
    rows: dict[tuple[Any, ...], Mapping[str, Any]] = {(row.bucket, *row.values): sums(row.saved) for row in found.rows}
    if not rows:
        rows = {(None,): sums(found.whole)}
    return SavingAnswer({**sums(found.whole), **_frame(found)}, rows)


def sums(saved: Saved) -> dict[str, Any]:
    """The amounts of a saving."""
    return {
        "calls": saved.calls,
        "compared_calls": saved.compared_calls,
        "coverage": _share(saved.coverage),
        "paid_usd": saved.paid_usd,
        "waste_usd": saved.waste_usd,
        "overhead_usd": saved.overhead_usd,
        "repriced_usd": saved.repriced_usd,
        "cache_usd": saved.cache_usd,
        "baseline_usd": saved.baseline_usd,
        "saved_usd": saved.saved_usd,
        "saved_share": _share(saved.share),
    }


def _frame(found: Savings) -> dict[str, Any]:
    share = found.share
    return {
        "baseline": found.words,
        "baselines": [
            {"id": one.id, "baseline": one.baseline.words, "from": one.starts_at, "declared_by": one.declared_by}
            for one in found.baselines
        ],
        "days": found.days,
        "since": found.since,
        "running_usd": found.running_usd,
        "saved_after_running_usd": found.saved_usd,
        "saved_share_low": _share(share.low) if share else None,
        "saved_share_high": _share(share.high) if share else None,
    }


def _share(value: Decimal | None) -> str | None:
    """A share as a plain decimal: it stays exact."""
    return None if value is None else f"{value:f}"
