"""What tasks whose model was drawn tell, as the API says it."""

from typing import Any

from apps.routing.domain.off_policy import LEAST_EFFECTIVE, OffPolicy, Told
from apps.routing.selectors.replays import ByLot

ESTIMATES = ("before", "weighed", "normed", "robust", "change")


def told_by_lot(found: ByLot) -> dict[str, Any]:
    """Success is a share, cost USD a task; estimates are null, and `why` says why, where too few tasks tell."""
    return {"success": told_estimates(found.success), "cost_usd": told_estimates(found.cost)}


def told_estimates(found: OffPolicy) -> dict[str, Any]:
    """Inverse propensity (`weighed`), self-normalised (`normed`), doubly robust (`robust`), each with its interval."""
    counts = {"tasks": found.tasks, "moved_tasks": found.moved, "taken_tasks": found.moved_taken}
    return {
        "why": found.why or None,
        **counts,
        "effective_tasks": f"{found.effective:f}",
        "least_effective_tasks": LEAST_EFFECTIVE,
        "overlap": f"{found.overlap:f}",
        **{name: _told(getattr(found, name)) for name in ESTIMATES},
    }


def _told(one: Told | None) -> dict[str, str] | None:
    return None if one is None else {name: f"{getattr(one, name):f}" for name in ("value", "low", "high")}
