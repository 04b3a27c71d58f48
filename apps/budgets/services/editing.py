"""Making and changing budgets. Each act is one transaction and one audit entry; deleting can be undone."""

import logging
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.access.domain.errors import Conflict, NotAllowed, Refused
from apps.access.domain.identity import Caller
from apps.access.selectors.places import standing_project_id_of
from apps.access.services import audit
from apps.budgets.domain.cycles import ENDLESS
from apps.budgets.domain.drafts import Draft
from apps.budgets.models import Budget, TemporaryRaise
from apps.budgets.selectors.budgets import budgets_of
from apps.budgets.selectors.receivers import unreachable
from apps.budgets.services.converting import hold_by_unit
from apps.budgets.services.opening import apply_terms
from apps.budgets.services.tending import begin_counting, evaluate, forget_what_is_gone

logger = logging.getLogger(__name__)

MAX_RAISED_PERIODS = 366
_PLAIN = (
    "name", "scope", "each", "unit", "limit", "period", "rolling_days", "week_start", "fiscal_start", "timezone",
    "counts_from", "grace_percent",
)  # fmt: skip


def create_budget(*, caller: Caller, draft: Draft, origin: str = "") -> Budget:
    """Make a budget. What was spent in its present period counts from the start, unless it counts from now.

    Raises Refused for an unknown project, NotAllowed outside of the caller's projects, Conflict at the cap.
    """
    with transaction.atomic():
        if Budget.objects.standing().count() >= settings.MAX_BUDGETS:
            message = f"This installation keeps at most {settings.MAX_BUDGETS} budgets (BURSAR_MAX_BUDGETS)."
            raise Conflict(message, code="too_many_budgets")
        _refuse_strangers(draft)
        now = timezone.now()
        budget = Budget(created_by=caller.actor, created_at=now, origin=origin)
        take(budget, draft, project_of(draft, caller), now)
        budget.counted_since = now if draft.counts_from == "now" else None
        budget.save()
        audit.record(
            caller=caller, action="budget.created", obj=budget, after=told(draft), project_id=budget.project_id
        )
    begin_counting(budget=budget)
    _evaluate(budget)
    return budget


def change_budget(
    *, caller: Caller, budget_id: int, draft: Draft, usage: str = "keep", version: int | None = None
) -> Budget:
    """Change a budget. `usage` "keep" goes on with what its period has used, by the new terms; "reset" starts at zero.

    `version` is the one that was seen. Raises Budget.DoesNotExist, and as `create_budget`.
    """
    if usage not in ("keep", "reset"):
        raise Refused('"usage" is keep or reset.', code="invalid", path="usage")
    with transaction.atomic():
        budget = _locked(caller, budget_id)
        if version is not None and version != budget.version:
            raise Conflict("Somebody changed this budget meanwhile. Nothing was saved; look again.", code="changed")
        was, now = draft_of(budget), timezone.now()
        if was == draft and usage == "keep":
            return budget
        _refuse_strangers(draft, was)
        take(budget, draft, project_of(draft, caller), now)
        recount = usage == "reset" or draft.counts_otherwise(was) or draft.counts_from != was.counts_from
        if usage == "reset" or (draft.counts_from == "now" and was.counts_from != "now"):
            budget.counted_since = now
        elif draft.counts_from != was.counts_from:
            budget.counted_since = None
        budget.recounted_at = None if recount else budget.recounted_at
        budget.version += 1
        budget.save()
        if recount:
            forget_what_is_gone(budget=budget)
        if draft.unit != was.unit:
            hold_by_unit(budget)
        apply_terms(budget)
        before, after = told(was), told(draft_of(budget)) | {"usage": usage}
        audit.record(
            caller=caller, action="budget.changed", obj=budget, before=before, after=after, project_id=budget.project_id
        )
    if recount:
        begin_counting(budget=budget)
    _evaluate(budget)
    return budget


@transaction.atomic
def set_paused(*, caller: Caller, budget_id: int, paused: bool) -> Budget:
    """Pause a budget: it goes on counting, and neither warns nor blocks; or let it work again."""
    budget = _locked(caller, budget_id)
    if (budget.paused_at is not None) is paused:
        return budget
    budget.paused_at = timezone.now() if paused else None
    _save(budget)
    action = "budget.paused" if paused else "budget.resumed"
    audit.record(caller=caller, action=action, obj=budget, project_id=budget.project_id)
    evaluate(budget=budget)
    return budget


@transaction.atomic
def raise_budget(*, caller: Caller, budget_id: int, amount: Decimal, periods: int = 1, reason: str = "") -> Budget:
    """Raise a budget by an amount, in its unit, for the present period and so many after it in all."""
    budget = _locked(caller, budget_id)
    if not 0 < amount < 10**12:
        raise Refused("The amount is over 0 and under 10^12.", code="invalid", path="amount")
    if not 1 <= periods <= MAX_RAISED_PERIODS:
        raise Refused(f"1 to {MAX_RAISED_PERIODS} periods.", code="invalid", path="periods")
    cycle, span = budget.cycle, budget.cycle.span(timezone.now())
    last = span
    for _ in range(periods * max(1, budget.rolling_days) - 1):
        last = cycle.following(last)
    TemporaryRaise.objects.create(
        budget=budget,
        amount=amount,
        periods=periods,
        starts_at=span.start,
        ends_at=None if cycle.period in ENDLESS else last.end,
        reason=reason[:200],
        created_by=caller.actor,
    )
    _save(budget)
    audit.record(
        caller=caller,
        action="budget.raised",
        obj=budget,
        after={"amount": amount, "unit": budget.unit, "periods": periods, "until": last.end, "reason": reason[:200]},
        project_id=budget.project_id,
    )
    evaluate(budget=budget)
    return budget


@transaction.atomic
def delete_budget(*, caller: Caller, budget_id: int) -> Budget:
    """Take a budget out of force; `restore_budget` puts it back. Raises Budget.DoesNotExist."""
    budget = _locked(caller, budget_id, deleted=None)
    if budget.deleted_at is None:
        budget.deleted_at = timezone.now()
        _save(budget)
        before = told(draft_of(budget))
        audit.record(caller=caller, action="budget.deleted", obj=budget, before=before, project_id=budget.project_id)
    return budget


def restore_budget(*, caller: Caller, budget_id: int) -> Budget:
    """Undo a deletion: what was spent meanwhile counts. Raises Budget.DoesNotExist."""
    with transaction.atomic():
        budget = _locked(caller, budget_id, deleted=None)
        if budget.deleted_at is None:
            return budget
        budget.deleted_at, budget.recounted_at = None, None
        _save(budget)
        after = told(draft_of(budget))
        audit.record(caller=caller, action="budget.restored", obj=budget, after=after, project_id=budget.project_id)
    begin_counting(budget=budget)
    _evaluate(budget)
    return budget


def _evaluate(budget: Budget) -> None:
    """Say which thresholds hold; what has to wait for a sweep that is at it is left to the next one: the act stands."""
    try:
        evaluate(budget=budget)
    except DatabaseError as error:
        kind = type(error).__name__
        logger.warning("What holds of budget %s is left to the next sweep (%s).", budget.pk, kind)


def _save(budget: Budget) -> None:
    budget.version += 1
    budget.changed_at = timezone.now()
    budget.save()
    apply_terms(budget)


def _locked(caller: Caller, budget_id: int, *, deleted: bool | None = False) -> Budget:
    if deleted is None:
        deleted = Budget.objects.filter(id=budget_id).exclude(deleted_at=None).exists()
    return budgets_of(caller, deleted=deleted).select_related(None).select_for_update(no_key=True).get(id=budget_id)


def _refuse_strangers(draft: Draft, before: Draft | None = None) -> None:
    """Raise Refused for recipients that are new and cannot be told anything."""
    new = set(draft.recipients) - set(before.recipients if before else ())
    if strangers := unreachable(new):
        words = f"{', '.join(strangers)} cannot be told anything: name people who sign in here, channels"
        words += " (channel:NAME), or addresses whose readers have agreed (Settings, Alerting)."
        raise Refused(words, code="unknown", path="recipients")


def take(budget: Budget, draft: Draft, project_id: int | None, now: datetime) -> None:
    """Let a budget be what a draft says; nothing is saved."""
    for name in _PLAIN:
        setattr(budget, name, getattr(draft, name))
    budget.project_id = project_id
    budget.thresholds = [one.told() for one in draft.thresholds]
    budget.recipients, budget.exempt = list(draft.recipients), list(draft.exempt)
    if draft.paused is not (budget.paused_at is not None):
        budget.paused_at = now if draft.paused else None
    budget.changed_at = now


def project_of(draft: Draft, caller: Caller) -> int | None:
    """The project a budget is of, None for all. Raises NotAllowed for what the caller may not budget, else Refused."""
    name = draft.scope.get("project")
    found = standing_project_id_of(name) if name else None
    if caller.project_ids is not None and (found is None or found not in caller.project_ids):
        message = "You see only some projects: a budget of yours names one of them in its scope."
        raise NotAllowed(message, code="forbidden_project", path="scope")
    if name and found is None:
        raise Refused(f"There is no project {name!r}; it comes with its first usage.", code="unknown", path="scope")
    return found


def draft_of(budget: Budget) -> Draft:
    """A budget as it stands, as a draft."""
    return Draft(
        **{name: getattr(budget, name) for name in _PLAIN if name != "period"},
        period=budget.cycle.period,
        thresholds=tuple(budget.levels),
        recipients=tuple(budget.recipients),
        exempt=tuple(budget.exempt),
        paused=budget.paused_at is not None,
    )


def told(draft: Draft) -> dict[str, Any]:
    """What the audit log keeps of a budget."""
    return asdict(draft) | {"thresholds": [one.told() for one in draft.thresholds]}
