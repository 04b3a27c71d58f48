"""Baselines as they were declared, and which one holds on a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from apps.routing.domain.baselines import Baseline
from apps.routing.domain.policy import Policy, policy_of
from apps.routing.models import BaselineRow, PolicyVersion


@dataclass(frozen=True, slots=True)
class Declared:
    """A baseline that stands: which, since which instant, and what Bursar itself is said to cost a month."""

    id: int
    baseline: Baseline
    starts_at: datetime
    monthly_usd: Decimal
    declared_at: datetime
    declared_by: str


def declared() -> list[Declared]:
    """Every baseline that stands, the newest declaration first."""
    return [declared_of(row) for row in BaselineRow.objects.standing()]


def declared_of(row: BaselineRow) -> Declared:
    """One row as others take it."""
    models = {role: (found[0], found[1]) for role, found in row.models_by_role.items()}
    return Declared(
        row.pk, Baseline(models, row.policy_version), row.starts_at, Decimal(row.monthly_usd), row.declared_at,
        row.declared_by,
    )  # fmt: skip


def in_use(standing: Sequence[Declared], day_begins: datetime) -> Declared | None:
    """The one a day is compared with: of those that had begun, the last that was declared."""
    return next((one for one in standing if one.starts_at <= day_begins), None)


def every_baseline() -> QuerySet[BaselineRow]:
    """All that were ever declared, newest first."""
    return BaselineRow.objects.order_by("-id")


def policy_of_version(version: int | None) -> Policy | None:
    """What a published version says; None without one."""
    row = PolicyVersion.objects.filter(version=version).first() if version is not None else None
    return policy_of(row.document) if row else None
