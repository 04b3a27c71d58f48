"""What tasks whose model was drawn tell, as the API says it."""

from typing import Any

from apps.routing.domain.off_policy import ByLot


def told_by_lot(found: ByLot) -> dict[str, Any]:
    """Success is a share, cost USD a task; estimates are null, and `why` says why, where too few tasks tell.

    Inverse propensity (`weighed`), self-normalised (`normed`), doubly robust (`robust`), each with its interval.
    """
    return {"success": found.success.as_plain(), "cost_usd": found.cost.as_plain()}
