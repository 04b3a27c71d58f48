"""What failover cost: decisions that left a tier because its models failed, and what they were dearer by."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from apps.routing.models import Decision
from apps.routing.selectors.use import LATELY

CAUSES = ("unhealthy", "recovering", "rate_limited", "failed")
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Failover:
    """Decisions of the last 30 days that left a model for a reason, and the expected surcharge; below 0 it saved."""

    provider: str
    model: str
    cause: str
    decisions: int
    surcharge_usd: Decimal


def failovers(*, now: datetime, project_ids: frozenset[int] | None) -> list[Failover]:
    """By the model that was left and why, dearest first; of the newest 10,000 such decisions."""
    left = Q()
    for cause in CAUSES:
        left |= Q(reason_code__startswith="left_", reason_code__endswith=f"_{cause}")
    rows = Decision.objects.filter(left, created_at__gte=now - LATELY)
    if project_ids is not None:
        rows = rows.filter(project_id__in=project_ids)
    found: defaultdict[tuple[str, str, str], list[Decimal]] = defaultdict(list)
    newest = rows.order_by("-created_at").values_list("reason_code", "tier", "provider", "model", "answer__considered")
    for code, tier, provider, model, considered in newest[:MOST]:
        if told := _left(code, considered, (tier, provider, model)):
            found[told[0]].append(told[1])
    lines = [Failover(*key, len(amounts), sum(amounts, Decimal(0))) for key, amounts in found.items()]
    return sorted(lines, key=lambda line: (-line.surcharge_usd, line.provider, line.model))


def _left(
    code: str, considered: list[dict[str, Any]], chosen: tuple[str, str, str]
) -> tuple[tuple[str, str, str], Decimal] | None:
    """The first model of the tier that was left, why, and what the choice was expected to cost more."""
    cause = next(cause for cause in CAUSES if code.endswith(f"_{cause}"))
    tier = code.removeprefix("left_").removesuffix(f"_{cause}")
    was = next((one for one in considered if one["tier"] == tier), None)
    now = next((one for one in considered if (one["tier"], one["provider"], one["name"]) == chosen), None)
    if was is None or now is None or was["cost_usd"] is None or now["cost_usd"] is None:
        return None
    return (was["provider"], was["name"], cause), Decimal(now["cost_usd"]) - Decimal(was["cost_usd"])
