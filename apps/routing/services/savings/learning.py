"""What tasks tell of the baseline, kept so that no page reads tasks: tokens by kind of task, success by complexity."""

from datetime import datetime, timedelta

from django.conf import settings

from apps.routing.domain.off_policy import of_cost, of_success
from apps.routing.domain.token_ratio import TokenRatio, token_ratio
from apps.routing.models import BaselineLearned
from apps.routing.selectors.baseline_by_lot import drawn_beside
from apps.routing.selectors.baseline_evidence import evidence_of
from apps.routing.selectors.baselines import declared


def learn(*, now: datetime) -> bool:
    """Learn of the baseline that was declared last, unless that was done lately. Safe to run twice."""
    standing = declared()
    if not standing or standing[0].baseline.policy_version is not None:
        return False
    used = standing[0]
    known = BaselineLearned.objects.filter(baseline_id=used.id).first()
    if known is not None and now - known.learned_at < timedelta(seconds=settings.SAVINGS_LEARN_SECONDS):
        return False
    found, lots = evidence_of(used.baseline, now=now), drawn_beside(used.baseline, now=now)
    ratios = {kind: ratio for kind, strata in found.strata.items() if (ratio := token_ratio(strata)) is not None}
    BaselineLearned.objects.update_or_create(
        baseline_id=used.id,
        defaults={
            "learned_at": now,
            "days": settings.SAVINGS_LEARN_DAYS,
            "tasks": found.tasks,
            "ratios": {kind: _plain(ratio) for kind, ratio in sorted(ratios.items())},
            "success": [[*key, *counts] for key, counts in sorted(found.success.items())],
            "by_lot": {
                "success": of_success(lots["success"]).as_plain(),
                "cost": of_cost(lots["cost"]).as_plain(),
            },
        },
    )
    return True


def _plain(ratio: TokenRatio) -> dict[str, str | int]:
    shares = {name: str(getattr(ratio, name)) for name in ("value", "low", "high", "coverage")}
    return {**shares, "baseline_tasks": ratio.baseline_tasks, "other_tasks": ratio.other_tasks}
