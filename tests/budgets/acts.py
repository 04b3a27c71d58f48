"""Budgets for tests, and calls that are charged to them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.access.domain.identity import ALL_SCOPES, Caller, Role
from apps.access.services import places
from apps.budgets.domain.drafts import checked_draft
from apps.budgets.domain.scopes import Facts
from apps.budgets.domain.states import BudgetState
from apps.budgets.models import Budget, Counter, Entry
from apps.budgets.selectors import matching
from apps.budgets.selectors.states import budget_state
from apps.budgets.services import editing
from apps.budgets.services.proving import unbalanced_counters
from apps.costs.services.ingest import IngestResult, record_usage

OWNER = Caller(
    kind="person", actor="alice@example.org", key_id=None, user_id=None, scopes=ALL_SCOPES, role=Role.OWNER,
    project_ids=None,
)  # fmt: skip
REPORTER = Caller(kind="key", actor="tests", key_id=7, user_id=None, scopes=ALL_SCOPES, role=None, project_ids=None)
BLOCKING = ({"percent": 80, "action": "notify"}, {"percent": 100, "action": "block"})


def make_budget(limit: str | int = "10", **fields: Any) -> Budget:
    """A budget of all usage of a month that warns at 80 % and blocks at 100 %."""
    usual = {"name": "All", "limit_usd": str(limit), "period": "month", "thresholds": list(BLOCKING)}
    sent = {name: value for name, value in (usual | fields).items() if value is not None}
    budget = editing.create_budget(caller=OWNER, draft=checked_draft(sent))
    matching.forget()
    return budget


def spend(usd: str | None = "1", *, at: datetime | None = None, **fields: Any) -> IngestResult:
    """One call of this cost, now."""
    now = datetime.now(UTC)
    usual = {
        "occurred_at": (at or now).isoformat(), "provider": "openai", "model": "made-up", "input_tokens": 900,
        "output_tokens": 100, "cost_usd": usd, "agent": "coder",
    }  # fmt: skip
    sent = {name: value for name, value in (usual | fields).items() if value is not None}
    result = record_usage([sent], caller=REPORTER, now=now)
    assert result.count("accepted") == 1, result.outcomes
    return result


def facts(**known: Any) -> Facts:
    """Facts of a call in the project default, which is made if need be."""
    project = known.pop("project", "default")
    project_id = places.ensure_projects([project], remember=False)[project]
    return Facts(project_id=project_id, project=project, **{"agent": "coder", **known})


def state(budget: Budget, now: datetime | None = None, **known: Any) -> BudgetState:
    """How this budget stands for such a call."""
    found = budget_state(facts=facts(**known), now=now or datetime.now(UTC))
    (one,) = [one for one in found if one.budget_id == budget.pk]
    return one


def spent(budget: Budget) -> list[Decimal]:
    """What each counter of a budget has, oldest first."""
    return [row.spent for row in Counter.objects.filter(budget=budget).order_by("period_start", "id")]


def assert_ledger_balances() -> None:
    """Every counter is the sum of its ledger rows, and of what is held in it."""
    for counter in Counter.objects.all():
        rows = Entry.objects.filter(counter_id=counter.pk)
        assert counter.spent == sum((row.spent for row in rows), Decimal(0)), counter
        assert counter.reserved == sum((row.reserved for row in rows), Decimal(0)), counter
        assert counter.unpriced_calls == sum(row.unpriced_calls for row in rows), counter
    assert unbalanced_counters() == []


SENT: dict[str, Any] = {"name": "Month", "limit_usd": "5", "period": "month"}

TYPED: dict[str, Any] = {
    "name": "Support agents", "scope_agent": "support", "limit": "500", "unit": "usd", "period": "month",
    "timezone": "Europe/Berlin", "counts_from": "period_start", "level_0": "80%", "on_0": "actual",
    "action_0": "notify", "level_1": "$600", "on_1": "actual", "action_1": "block", "usage": "keep",
    "recipients": "admin, owner",
}  # fmt: skip


def budget(*, deleted: bool = False) -> int:
    """A budget that acts can be done to; its id."""
    made = make_budget("5", name="Acted on")
    if deleted:
        editing.delete_budget(caller=OWNER, budget_id=made.pk)
    return made.pk
