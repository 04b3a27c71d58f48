"""What routing did beside saving: switches of model with what went before and after, and bands of complexity."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.costs.domain.latency import percentile, unpacked
from apps.costs.selectors.metrics import BadQuery, UsageQuery
from apps.costs.selectors.metrics.filters import conditions
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.domain.off_policy import ByLot, off_policy_of
from apps.routing.models import BaselineLearned, SavingsDay
from apps.routing.selectors.baselines import declared
from apps.routing.selectors.in_force import in_force

STEP = Decimal("1e-15")
_P95 = 0.95
_SIDE = ("calls", "priced_calls", "usd", "errors", "latency_calls", "latency_ms")


@dataclass(frozen=True, slots=True)
class Around:
    """The calls on one side of switches."""

    calls: int
    priced_calls: int
    usd: Decimal
    errors: int
    latency_calls: int
    latency_total_ms: int

    @property
    def usd_per_call(self) -> Decimal | None:
        """The mean cost of those that have a price."""
        return (Decimal(self.usd) / self.priced_calls).quantize(STEP) if self.priced_calls else None

    @property
    def latency_ms(self) -> int | None:
        """The mean of those that reported one."""
        return self.latency_total_ms // self.latency_calls if self.latency_calls else None


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """Switches of one kind, and the cache they lost: tokens, and what those cost more for it, at list price."""

    role: str
    source: str
    target: str
    switches: int
    before: Around
    after: Around
    lost_tokens: int
    lost_usd: Decimal

    @property
    def sides(self) -> tuple[Around, Around]:
        """Before and after."""
        return self.before, self.after


@dataclass(frozen=True, slots=True)
class BandSide:
    """Calls of one band of complexity at the baseline's model, or at others. Latency in milliseconds."""

    calls: int = 0
    ok_calls: int = 0
    error_calls: int = 0
    latency_ms: int | None = None
    latency_p95_ms: Any = None
    judged_tasks: int = 0
    succeeded_tasks: int = 0


@dataclass(frozen=True, slots=True)
class BandRow:
    """One band of complexity on both sides."""

    band: str
    routed: BandSide
    baseline: BandSide

    @property
    def sides(self) -> tuple[tuple[str, BandSide], ...]:
        """Those that have any calls, in words."""
        named = (("other models", self.routed), ("the baseline's model", self.baseline))
        return tuple((words, side) for words, side in named if side.calls)


def switches(query: UsageQuery) -> list[SwitchRow]:
    """Switches of model inside conversations on the days of a query, the most frequent first.

    Raises BadQuery for a filter by anything but the project.
    """
    projects, days = _asked(query)
    sides = ", ".join(f"sum(s.{side}_{name})" for side in ("before", "after") for name in _SIDE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT coalesce(role.name, ''), a.provider || '/' || a.name, b.provider || '/' || b.name,
                sum(s.switches)::bigint, {sides}, sum(s.lost_tokens)::bigint, sum(s.lost_usd)
            FROM routing_switchsum s JOIN costs_usedmodel a ON a.id = s.from_model_id
            JOIN costs_usedmodel b ON b.id = s.to_model_id LEFT JOIN costs_label role ON role.id = s.role_id
            WHERE s.bucket = ANY(%s) AND s.project_id = ANY(%s) GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
            """,
            [days, projects],
        )
        rows = cursor.fetchall()
    width = len(_SIDE)
    return [
        SwitchRow(
            row[0],
            row[1],
            row[2],
            row[3],
            _around(row[4 : 4 + width]),
            _around(row[4 + width : 4 + 2 * width]),
            row[-2],
            row[-1],
        )  # fmt: skip
        for row in rows
    ]


def bands(query: UsageQuery) -> list[BandRow]:
    """Decided calls by complexity on the days of a query, in the order of the policy's tiers.

    Success is that of the tasks of the last weeks, as it was learned last. Raises BadQuery as `switches` does.
    """
    projects, days = _asked(query)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.band, s.at_baseline, sum(s.calls)::bigint, sum(s.ok_calls)::bigint, sum(s.error_calls)::bigint,
                sum(s.latency_calls)::bigint, sum(s.latency_ms)::bigint,
                (SELECT array_agg(entry) FROM routing_bandsum o CROSS JOIN unnest(o.latency_bins) entry
                 WHERE o.bucket = ANY(%(days)s) AND o.project_id = ANY(%(projects)s)
                    AND o.band = s.band AND o.at_baseline = s.at_baseline)
            FROM routing_bandsum s WHERE s.bucket = ANY(%(days)s) AND s.project_id = ANY(%(projects)s) GROUP BY 1, 2
            """,
            {"days": days, "projects": projects},
        )
        rows = cursor.fetchall()
    judged = _judged() if query.project_ids is None and not query.filters else {}
    found: dict[str, dict[bool, BandSide]] = {}
    for band, at_baseline, calls, ok, errors, timed, milliseconds, bins in rows:
        p95 = percentile(unpacked(bins or ()), _P95) if timed else None
        mean = milliseconds // timed if timed else None
        counts = judged.get((band, at_baseline), (0, 0))
        found.setdefault(band, {})[at_baseline] = BandSide(calls, ok, errors, mean, p95, *counts)
    policy = in_force()
    order = policy.policy.tier_names() if policy else []
    ordered = sorted(found, key=lambda band: (order.index(band) if band in order else len(order), band))
    return [BandRow(band, found[band].get(False, BandSide()), found[band].get(True, BandSide())) for band in ordered]


def learned() -> BaselineLearned | None:
    """What was learned of the baseline that was declared last."""
    standing = declared()
    return BaselineLearned.objects.filter(baseline_id=standing[0].id).first() if standing else None


def by_lot() -> tuple[ByLot, BaselineLearned] | None:
    """What drawn tasks tell of the baseline that was declared last, and when that was learned."""
    row = learned()
    if row is None or not row.by_lot:
        return None
    return ByLot(off_policy_of(row.by_lot["success"]), off_policy_of(row.by_lot["cost"])), row


def _judged() -> dict[tuple[str, bool], tuple[int, int]]:
    row = learned()
    return {(band, own): (judged, well) for band, own, judged, well in row.success} if row else {}


def _asked(query: UsageQuery) -> tuple[list[int], list[datetime]]:
    """The projects and the derived days of a query."""
    if other := sorted(set(query.filters) - {"project"}):
        raise BadQuery(other[0], f"Switches and bands of complexity are kept by project, not by {other[0]}.")
    rows = SavingsDay.objects.filter(zone=reporting_zone().key, bucket__gte=query.start, bucket__lt=query.end)
    days = [row.bucket for row in rows if row.ends_at <= query.end or row.derived_at <= query.end]
    return list(conditions(query).projects), days


def _around(values: Collection[Any]) -> Around:
    calls, priced, usd, errors, timed, milliseconds = values
    return Around(int(calls), int(priced), Decimal(usd), int(errors), int(timed), int(milliseconds))
