"""An admin declares what was in use before, or withdraws a declaration. One audit entry each; nothing is deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.access.domain.errors import Conflict, Refused
from apps.access.domain.identity import Caller
from apps.access.services import audit
from apps.costs.domain.calendars import day_of, day_start
from apps.costs.selectors.rate_book import current_rate_book
from apps.costs.selectors.reporting import reporting_zone
from apps.routing.domain.baselines import BadBaseline, Baseline, read_models
from apps.routing.domain.policy import ModelKey
from apps.routing.models import BaselineRow, PolicyVersion
from apps.routing.selectors.baselines import declared_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """A declaration: models by role, or a published version; from which day; what Bursar costs a month."""

    first_day: date
    models: Mapping[str, ModelKey] = field(default_factory=dict)
    policy_version: int | None = None
    monthly_usd: Decimal = Decimal(0)
    note: str = ""


def as_typed(
    *, model: str, by_role: str, policy_version: int | None, first_day: date, monthly_usd: str, note: str
) -> Wanted:
    """A declaration as people and programs write it. Raises Refused."""
    try:
        models = read_models(model, by_role) if model.strip() or by_role.strip() else {}
    except BadBaseline as error:
        raise Refused(str(error), code="bad_model", path=error.path) from error
    return Wanted(first_day, models, policy_version, Decimal(monthly_usd), note)


@transaction.atomic
def declare(*, caller: Caller, wanted: Wanted, now: datetime) -> BaselineRow:
    """Declare a baseline. Days from its first on are compared with it, instead of with what was declared before.

    Raises Refused for a model without a price, an unknown version, or a day to come, and NotAllowed for a caller
    limited to projects.
    """
    caller.must_see_all("A baseline holds")
    zone = reporting_zone()
    if wanted.first_day > day_of(now, zone):
        raise Refused("A baseline was in use before: its day cannot lie ahead.", code="future", path="first_day")
    if (wanted.policy_version is None) is not bool(wanted.models):
        raise Refused("Name a model, or a version of the policy.", code="model_or_version", path="model")
    book = current_rate_book()
    for role, model in wanted.models.items():
        if book.lookup(*model, now) is None:
            message = f"The price book has no price for {'/'.join(model)}."
            raise Refused(message, code="unpriced", path="by_role" if role else "model")
    version = wanted.policy_version
    if version is not None and not PolicyVersion.objects.filter(version=version).exists():
        raise Refused(f"There is no version {version} of the policy.", code="no_such_version", path="policy_version")
    row = BaselineRow.objects.create(
        models_by_role={role: list(model) for role, model in wanted.models.items()},
        policy_version=version,
        starts_at=day_start(wanted.first_day, zone),
        monthly_usd=wanted.monthly_usd,
        note=wanted.note[:2000],
        declared_by=caller.actor,
        declared_at=now,
    )
    audit.record(caller=caller, action="baseline.declared", obj=row, after=_told(row))
    return row


@transaction.atomic
def withdraw(*, caller: Caller, baseline_id: int, now: datetime) -> BaselineRow:
    """Compare no day with a baseline any more; what was declared before it holds again.

    Raises Refused, Conflict, and NotAllowed for a caller limited to projects.
    """
    caller.must_see_all("A baseline holds")
    row = BaselineRow.objects.select_for_update().filter(pk=baseline_id).first()
    if row is None:
        raise Refused("There is no such baseline.", code="no_such_baseline", path="id")
    if row.withdrawn_at is not None:
        raise Conflict("This baseline was withdrawn already.", code="withdrawn", path="id")
    row.withdrawn_by, row.withdrawn_at = caller.actor, now
    row.save(update_fields=["withdrawn_by", "withdrawn_at"])
    audit.record(caller=caller, action="baseline.withdrawn", obj=row, before=_told(row))
    return row


def _told(row: BaselineRow) -> dict[str, Any]:
    found = declared_of(row)
    baseline: Baseline = found.baseline
    return {"baseline": baseline.words, "from": row.starts_at, "monthly_usd": str(row.monthly_usd), "note": row.note}
